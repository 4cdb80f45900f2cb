/** Calls `load` once for all that is asked for in one moment. */
export function batchLoads<Key, Result>(
  load: (keys: readonly Key[]) => Promise<Result>,
): (key: Key) => Promise<Result> {
  let group: { readonly keys: Key[]; readonly result: Promise<Result> } | undefined;
  return async (key) => {
    if (group === undefined) {
      const keys: Key[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      group = { keys, result: promise };
      // When everything that goes on now has had its turn.
      queueMicrotask(() => {
        process.nextTick(() => {
          group = undefined;
          load(keys).then(resolve, reject);
        });
      });
    }
    group.keys.push(key);
    return await group.result;
  };
}
