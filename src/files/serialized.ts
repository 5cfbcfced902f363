// Serializes by key: the actions of this process on one thing follow one another. It keeps no other process away.

const last = new Map<string, Promise<unknown>>();

/** Runs `action` when all earlier ones of that key have ended, however they ended. */
export function serialized<T>(key: string, action: () => Promise<T>): Promise<T> {
  const turn = (last.get(key) ?? Promise.resolve()).then(action);
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  last.set(key, ended);
  void ended.then(() => {
    if (last.get(key) === ended) last.delete(key);
  });
  return turn;
}
