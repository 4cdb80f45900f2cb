// Pays on three clients at once, and is killed at a point of the commit: `node dying-coordinator.ts <JSON of Coordinated>`.
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { ClientDefinition, DriverConnection, Step } from '../../../src/ports/driver/index.ts';
import { createDatabase, type Database } from '../../../src/index.ts';
import { twoPhase } from '../../../src/experimental/two-phase/index.ts';
import { clientOn } from '../../support/two-phase.ts';

/** Where a process is killed: in front of what is sent then; during the decision, behind it. */
export const crashPoints = [
  'before any prepares',
  'after some have prepared',
  'before the decision',
  'after the decision',
  'during the decision',
  'after some have committed',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

export interface Coordinated {
  readonly urls: Readonly<Record<'orders' | 'payments' | 'stock', string>>;
  readonly point: CrashPoint;
  readonly id: string;
  /** How long it lives on during the decision, in milliseconds. */
  readonly delay: number;
}

const preparing = /^(?:PREPARE TRANSACTION|XA PREPARE)/;
const committing = /^(?:COMMIT PREPARED|XA COMMIT)/;
const deciding = /insert into sluice_two_phase /;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await pay(JSON.parse(process.argv[2] ?? '') as Coordinated);
}

async function pay({ urls, point, id, delay }: Coordinated): Promise<void> {
  const counts = { prepares: 0, commits: 0 };
  let hasDecided = false;
  const isHere = (steps: readonly Step[]): boolean => {
    const texts = steps.map((step) => (step.type === 'statement' ? step.statement.text : step.type));
    if (texts.some((text) => preparing.test(text))) counts.prepares += 1;
    if (texts.some((text) => committing.test(text))) counts.commits += 1;
    if (texts.some((text) => deciding.test(text))) hasDecided = true;
    switch (point) {
      case 'before any prepares':
        return counts.prepares === 1;
      case 'after some have prepared':
        return counts.prepares === 2;
      // In front of what writes it, or of what commits it.
      case 'before the decision':
        return hasDecided && (delay < 10 || texts.includes('commit'));
      case 'during the decision':
        return hasDecided && texts.includes('commit');
      case 'after the decision':
        return counts.commits === 1;
      case 'after some have committed':
        return counts.commits === 2;
    }
  };
  const dying = (url: string): ClientDefinition =>
    watched(clientOn({ url }, { max: 2 }), (steps, run) => {
      if (!isHere(steps)) return run();
      if (point !== 'during the decision') die();
      const running = run();
      setTimeout(die, delay / 4);
      return running;
    });
  const clients = { orders: dying(urls.orders), payments: dying(urls.payments), stock: dying(urls.stock) };
  const database: Database<keyof typeof clients> = createDatabase({ clients, defaultClient: 'orders' });
  await twoPhase(database, ['orders', 'payments', 'stock'], async () => {
    for (const clientName of ['orders', 'payments', 'stock'] as const) {
      const db = database.getDb({ clientName });
      await db.query('insert into payment (id, amount) values ($1, 1)', [id]);
      await db.query("update payment set amount = amount + 1 where id = 'shared'");
    }
  });
  writeSync(1, 'ended\n');
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

function watched(
  definition: ClientDefinition,
  around: (
    steps: readonly Step[],
    run: () => ReturnType<DriverConnection['run']>,
  ) => ReturnType<DriverConnection['run']>,
): ClientDefinition {
  const { driver } = definition;
  const connect = async (signal: AbortSignal): Promise<DriverConnection> => {
    const connection = await driver.connect(signal);
    const run = connection.run.bind(connection);
    connection.run = (steps) => around(steps, () => run(steps));
    // What ends a transaction takes the way that is watched.
    return Object.assign(connection, { handOver: undefined });
  };
  return { ...definition, driver: { ...driver, connect } };
}
