// Lets the actions on one path of this process follow one another. It keeps no other process away.

const last = new Map<string, Promise<unknown>>();

/** Runs `action` when all earlier ones of that path have ended, however they ended. */
export function inTurn<T>(path: string, action: () => Promise<T>): Promise<T> {
  const turn = (last.get(path) ?? Promise.resolve()).then(action);
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  last.set(path, ended);
  void ended.then(() => {
    if (last.get(path) === ended) last.delete(path);
  });
  return turn;
}
