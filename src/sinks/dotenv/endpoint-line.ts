// The endpoint of a key beside its secret, as one more variable of the .env file, in the same write. A value that is there already
// stays, and what could not be written is a warning.

import { edited, type Beside, type Variable } from './dotenv-file.ts';
import { valueOf } from './node-reader.ts';

/** Nothing that a reader of such files would take for more than text. */
const URL_FORM = /^https?:\/\/[a-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9]+)*$/;

/** @param url absent where Atlas names no endpoint to which secrets may be sent */
export function withEndpoint(at: Variable, url: string | undefined): (text: string) => Beside {
  return (text) => {
    const told = (why: string): Beside => ({
      text,
      warnings: [`${at.variable} in ${at.place.path} did not get the endpoint of the key: ${why}`],
    });
    if (url === undefined || !URL_FORM.test(url)) return told('Atlas names none to which secrets may be sent.');
    const held = valueOf(text, at.variable);
    if (held === url) return { text, warnings: [] };
    if (held !== undefined && held !== '') return told('it has another value, which stays.');
    const edit = edited(at, text, url);
    if (!edit.ok) return told(edit.failure.message);
    const line = { variable: at.variable, value: url, trace: edit.value.trace };
    return { text: edit.value.text, line, warnings: [] };
  };
}
