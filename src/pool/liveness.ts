import { runUntraced } from '../channels/index.ts';
import type { Clock } from '../core/index.ts';
import type { DriverConnection, Step } from '../driver/index.ts';

/** The longest that a server may take to say that a connection is alive, in milliseconds. */
const limit = 1_000;

const question: readonly Step[] = [{ type: 'statement', statement: { text: 'select 1' } }];

/** Whether the server answers on a connection, within a second. */
export function isAlive(connection: DriverConnection, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimer = clock.setTimer(() => resolve(false), limit);
    const settle = (isSound: boolean): void => {
      cancelTimer();
      resolve(isSound);
    };
    runUntraced(() => connection.run(question)).then(
      ({ failure }) => settle(failure === undefined && connection.status === 'idle'),
      () => settle(false),
    );
  });
}
