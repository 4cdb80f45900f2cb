import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { HolderInfo } from '../../../src/index.ts';
import { until } from '../settled.ts';
import type { Place } from './staging.ts';

/** Another process of a standstill. */
export interface OtherProcess {
  /** Resolves once it has said a word. */
  told(word: string): Promise<void>;
  /** Whom it says has a connection, or waits for one. */
  holders(): Promise<readonly HolderInfo[]>;
}

/** Starts a program, and kills it at the end. */
export function startOther(program: URL, args: readonly string[], atEnd: Place['atEnd']): OtherProcess {
  const child = fork(program, args, { execArgv: [] });
  const words = new Set<unknown>();
  child.on('message', (message) => void words.add(message));
  atEnd(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
  return {
    async told(word) {
      const hasEnded = (): boolean => child.exitCode !== null;
      await until(`the other process says "${word}"`, () => words.has(word) || hasEnded(), 30_000);
      if (hasEnded()) throw new Error(`${program.pathname} has ended before it said "${word}"`);
    },
    async holders() {
      const told = once(child, 'message');
      child.send('holders');
      return (await told)[0] as readonly HolderInfo[];
    },
  };
}
