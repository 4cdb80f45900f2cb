import type { TestServer } from '../../test/support/engines/engine.ts';
import { until } from '../../test/support/settled.ts';

/** How often in a row more connections than allowed have to be seen: those of a process that was killed end a little later. */
const patience = 8;

/** Watches how many connections Sluice has on the server. */
export interface ConnectionWatch {
  readonly highest: number;
  /** From now on so many are allowed. */
  allow(most: number): void;
  stop(): void;
}

/** @param allowed of all processes together */
export function watchConnections(
  server: TestServer,
  allowed: number,
  onWrong: (what: string) => void,
): ConnectionWatch {
  let most = allowed;
  let highest = 0;
  let over = 0;
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void server
      .connections()
      .then((count) => {
        highest = Math.max(highest, count);
        over = count > most ? over + 1 : 0;
        if (over === patience) onWrong(`there are ${count} connections, and ${most} are allowed`);
      })
      .catch(() => {})
      .finally(() => (isLooking = false));
  }, 500);
  return {
    get highest() {
      return highest;
    },
    allow: (fewer) => (most = fewer),
    stop: () => clearInterval(timer),
  };
}

/** When all processes have ended, so have their connections. @returns what is wrong */
export async function connectionsLeft(server: TestServer): Promise<string[]> {
  try {
    await until('no connection is left', async () => (await server.connections()) === 0);
    return [];
  } catch {
    return [`${await server.connections()} connections are left on the server after all processes have ended`];
  }
}
