import { notBegun } from '../../src/context/index.ts';
import { type Lease, Pool, PoolDeadlockError, type PooledConnection, poolSettings } from '../../src/pool/index.ts';
import { SimulatedClock } from './simulated-clock.ts';

/** A chain that takes a connection, opens inner chains while it holds it, and gives it back. */
export interface ChainPlan {
  /** How long it holds besides its inner chains. */
  readonly hold: number;
  readonly inner: readonly { readonly parallel: boolean; readonly chain: ChainPlan }[];
  /** Whether it asks once at its own level while it holds it. */
  readonly below: boolean;
  /** When it gives up waiting. */
  readonly cancelAfter: number | null;
}

export interface Simulation {
  readonly seed: number;
  readonly maxLevel: number;
  readonly budget: number;
  readonly openFailures: number;
  readonly deaths: number;
  readonly chains: readonly ChainPlan[];
  /** Takes everything at one level: what a pool without levels does. */
  readonly withoutLevels?: boolean;
}

export interface SimulationResult {
  readonly completed: number;
  readonly failed: number;
  /** Chains that had not ended when nothing could happen any more. */
  readonly stuck: number;
  readonly mostConnections: number;
  /** Requests at a level that their own chain held and that were made to wait. */
  readonly waitedBelow: number;
  readonly leftInUse: number;
  /** Requests that had to wait. */
  readonly waited: number;
}

class SimulatedConnection implements PooledConnection {
  readonly #world: World;
  #onDeath: ((error: unknown) => void) | undefined;
  alive = true;

  constructor(world: World) {
    this.#world = world;
  }
  onDeath(callback: (error: unknown) => void): void {
    this.#onDeath = callback;
  }
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#world.connections -= 1;
    this.#onDeath?.(new Error('died'));
  }
  async close(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    await this.#world.clock.sleep(this.#world.random() * 3);
    this.#world.connections -= 1;
  }
  destroy(): Promise<void> {
    return this.close();
  }
}

/** The simulated server, clock and dice of one run. */
class World {
  readonly clock = new SimulatedClock();
  readonly random: () => number;
  readonly #simulation: Simulation;
  connections = 0;
  most = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.random = xorshift(simulation.seed);
  }

  /** The server sees a connection from the attempt to open it. */
  async open(): Promise<SimulatedConnection> {
    this.connections += 1;
    this.most = Math.max(this.most, this.connections);
    await this.clock.sleep(this.random() * 4);
    if (this.random() >= this.#simulation.openFailures) return new SimulatedConnection(this);
    this.connections -= 1;
    throw new Error('refused');
  }

  /** Some of the connections that idled for long are dead. */
  async answers(connection: SimulatedConnection): Promise<boolean> {
    await this.clock.sleep(this.random());
    return connection.alive && this.random() >= this.#simulation.deaths;
  }
}

export async function simulate(simulation: Simulation): Promise<SimulationResult> {
  const { maxLevel, budget, chains, deaths, withoutLevels = false } = simulation;
  const world = new World(simulation);
  const { clock, random } = world;
  const acquireTimeout = 2 * horizon;
  const pool = new Pool<SimulatedConnection>({
    clientName: 'default',
    settings: poolSettings('default', {
      max: budget - maxLevel,
      maxLevel,
      budget,
      acquireTimeout,
      idleTimeout: 10,
      maxLifetime: 100,
      validateAfter: 5,
    }),
    clock,
    random,
    target: 'a simulated server',
    open: () => world.open(),
    isSound: (connection) => world.answers(connection),
  });
  const holder = {
    describe: () => ({ clientName: 'default', level: 0, transaction: 'chain', age: 0, openedAt: undefined }),
    heldBesides: () => [],
  };
  let waitedBelow = 0;
  let waited = 0;

  const acquire = async (
    level: number,
    mayWait: boolean,
    cancelAfter: number | null,
  ): Promise<Lease<SimulatedConnection>> => {
    const controller = new AbortController();
    const cancel =
      cancelAfter === null ? undefined : clock.setTimer(() => controller.abort(new Error('gone')), cancelAfter);
    try {
      const granted = pool.acquire({ level, holder, mayWait, begun: notBegun, signal: controller.signal });
      if (granted instanceof Promise) waited += 1;
      return await granted;
    } finally {
      cancel?.();
    }
  };

  const run = async (plan: ChainPlan, depth: number): Promise<void> => {
    const level = withoutLevels ? 0 : depth;
    // Deeper than maxLevel nothing waits, whatever is asked.
    const lease = await acquire(level, true, plan.cancelAfter);
    try {
      if (plan.below) await askBelow(level);
      await clock.sleep(plan.hold * random());
      for (const { chain } of plan.inner.filter(({ parallel }) => !parallel)) await run(chain, depth + 1).catch(ignore);
      await Promise.all(
        plan.inner.filter(({ parallel }) => parallel).map(({ chain }) => run(chain, depth + 1).catch(ignore)),
      );
      if (random() < deaths) lease.connection.die();
    } finally {
      pool.release(lease, lease.connection.alive && random() > 0.1);
    }
  };

  const askBelow = async (level: number): Promise<void> => {
    const waitingBefore = pool.stats().waiting;
    const asked = acquire(level, false, null);
    if (pool.stats().waiting > waitingBefore) waitedBelow += 1;
    try {
      pool.release(await asked, true);
    } catch (error) {
      ignore(error);
    }
  };

  let completed = 0;
  let failed = 0;
  for (const chain of chains) {
    run(chain, 0).then(
      () => (completed += 1),
      () => (failed += 1),
    );
  }
  // Everything that can happen happens, short of the timeouts of those who wait.
  do await settle();
  while (clock.advance(horizon));
  const stuck = chains.length - completed - failed;
  const { used } = pool.stats();
  return {
    completed,
    failed,
    stuck,
    waited,
    mostConnections: world.most,
    waitedBelow,
    leftInUse: stuck === 0 ? used : 0,
  };
}

const horizon = 1_000_000;

/** Runs the microtasks that are due. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
}

function ignore(error: unknown): void {
  const known =
    error instanceof PoolDeadlockError || (error instanceof Error && /gone|refused|maxLevel/.test(error.message));
  if (!known) throw error;
}

/** Numbers from 0 to 1 by xorshift (G. Marsaglia, "Xorshift RNGs", 2003). */
function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
