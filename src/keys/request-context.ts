// What the caller of a use case has to say while it runs.

import type { PageCall } from '../page/pages.ts';

/** With what a page of this server is told of the call. */
export interface RequestContext extends PageCall {
  /** Stops a call before it changes anything; afterwards it only limits how long the end may take. */
  readonly signal: AbortSignal;
  /** Tells the caller what is going on, in a call that takes longer. */
  readonly progress: (message: string) => void;
  /** Asks the person at the host; absent where the host said that it cannot. */
  readonly ask?: Ask;
}

/** Never throws. What no person can be taken to have answered is `unavailable`. */
export type Ask = (question: Question) => Promise<Answer>;

/** A form with one required field of text. Never asks for a secret. */
export interface Question {
  /** What it is about. */
  readonly message: string;
  /** The field's label. */
  readonly title: string;
  readonly description: string;
  /** The only answers that there are; any text where absent. */
  readonly options?: readonly string[];
}

export type Answer =
  | { readonly answer: 'given'; readonly value: string }
  | { readonly answer: 'declined' }
  | { readonly answer: 'unavailable'; readonly because: Unseen };

/** `at once`: quicker than a person reads. `empty`: accepted without what was asked for. `silence`: no answer in time. */
export type Unseen = 'cancelled' | 'at once' | 'empty' | 'silence';
