import type { Database } from '../database/index.ts';
import { OwnProcess } from './look/own-process.ts';
import { Attention } from './measure/attention.ts';
import { Collector } from './measure/collector.ts';
import type { WatchedOptions } from './options.ts';

/** This process, which is looked at as long as anyone looks. */
export interface Watched {
  readonly process: OwnProcess;
  readonly attention: Attention;
}

/** @param onEnd is called when the last who looked has gone */
export function watched(
  databases: readonly Database[],
  options: WatchedOptions,
  onEnd: () => void = () => {},
): Watched {
  const collector = new Collector(Date.now);
  const process = new OwnProcess({ databases, caches: options.caches ?? [], name: options.name, collector });
  const attention = new Attention((isThere) => {
    if (isThere) collector.begin();
    else {
      collector.end();
      onEnd();
    }
  });
  return { process, attention };
}
