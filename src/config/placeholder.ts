// Recognizes what a host or a person should have replaced by a value and did not. Pure.

const QUOTED = /^(["'`“”‘’])(.*)["'`“”‘’]$/s;

/** Of each form, how a person is told of it. The value itself is never shown: it may hold a secret. */
const FORMS: readonly (readonly [form: RegExp, words: string])[] = [
  [/^\$\{[^}]*\}$/, 'holds a placeholder of the form ${NAME} that the host did not fill in'],
  [/^\$[A-Za-z_][A-Za-z0-9_]*$/, 'holds a placeholder of the form $NAME that the host did not fill in'],
  [/^\$\(.*\)$/s, 'holds a placeholder of the form $(…) that no shell filled in'],
  [/^%[A-Za-z_][A-Za-z0-9_]*%$/, 'holds a placeholder of the form %NAME% that the host did not fill in'],
  [/^<.*>$/s, 'holds a placeholder of the form <…> that nobody replaced'],
  [/^op:\/\//i, 'holds a reference of 1Password (op://…) that nothing resolved'],
  [QUOTED, 'stands in quotation marks, which belong to a shell or to JSON'],
];

/** The words to put behind the setting's name, or undefined where the value may be meant. */
export function unfilledWords(value: string): string | undefined {
  return FORMS.find(([form]) => form.test(value))?.[1];
}

/** What stands between quotation marks, which may be the secret all the same. */
export function unquoted(value: string): string | undefined {
  return QUOTED.exec(value)?.[2];
}
