// What the caller of a use case has to say while it runs.

export interface CallControl {
  /** Stops a call before it changes anything; afterwards it only limits how long the end may take. */
  readonly signal: AbortSignal;
  /** Tells the caller what is going on, in a call that takes longer. */
  readonly progress: (message: string) => void;
}
