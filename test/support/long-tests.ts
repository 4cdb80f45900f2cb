import { globSync } from 'node:fs';

/** Which tests run: `short` with "npm test", `long` with "npm run test:long", all of them where nothing is said. */
export type TestChoice = 'short' | 'long' | 'all';

/** What takes more than some seconds: kills by the hundred, silence, soak, mutants, installations, all usages of a library. */
export const longTests: readonly string[] = [
  'test/behaviour/anomalies.test.ts',
  'test/behaviour/cache-consistency.test.ts',
  'test/behaviour/close.test.ts',
  'test/behaviour/interleave-hermitage.test.ts',
  'test/behaviour/interleave-programs.test.ts',
  'test/behaviour/interleave-reduction.test.ts',
  'test/behaviour/interleave-remedies.test.ts',
  'test/behaviour/interleave-services.test.ts',
  'test/behaviour/pool-connection-attempts.test.ts',
  'test/behaviour/retry.test.ts',
  'test/behaviour/row-locks.test.ts',
  'test/behaviour/scope-trees.test.ts',
  'test/behaviour/sql.test.ts',
  'test/behaviour/time-loops.test.ts',
  'test/cli/command-line.test.ts',
  'test/cli/doctor-postgres.test.ts',
  'test/cli/init.test.ts',
  'test/cli/inspect.test.ts',
  'test/cli/verify.test.ts',
  'test/conformance/all-libraries.test.ts',
  'test/conformance/bind-bad-input.test.ts',
  'test/conformance/library-mikro-orm.test.ts',
  'test/conformance/library-typeorm.test.ts',
  'test/conformance/ports/*.test.ts',
  'test/conformance/queue-bullmq.test.ts',
  'test/conformance/queue-memory.test.ts',
  'test/conformance/queue-pg-boss.test.ts',
  'test/conformance/tenants.test.ts',
  'test/conformance/usage/*.test.ts',
  'test/engines/mariadb-commit-resolution.test.ts',
  'test/eslint/plugin.test.ts',
  'test/frameworks/nestjs-shutdown.test.ts',
  'test/inspector/page-events.test.ts',
  'test/inspector/page-standstills.test.ts',
  'test/inspector/page-work.test.ts',
  'test/inspector/page.test.ts',
  'test/integration/broker-bad-input.test.ts',
  'test/integration/broker-outages.test.ts',
  'test/integration/cache-cluster.test.ts',
  'test/integration/cache-network.test.ts',
  'test/integration/cache-redis.test.ts',
  'test/integration/commit-resolution.test.ts',
  'test/integration/demo.test.ts',
  'test/integration/faults.test.ts',
  'test/integration/network-mariadb.test.ts',
  'test/integration/network.test.ts',
  'test/integration/pg-boss-on-ambient-pool.test.ts',
  'test/integration/pooler.test.ts',
  'test/integration/postgres-servers.test.ts',
  'test/integration/queue-cuts.test.ts',
  'test/integration/queue-faults.test.ts',
  'test/integration/queue-outages.test.ts',
  'test/integration/queue-pg-boss.test.ts',
  'test/integration/queue-recovery.test.ts',
  'test/integration/silent-mariadb.test.ts',
  'test/integration/silent.test.ts',
  'test/integration/unbound-libraries.test.ts',
  'test/integration/unsupported-library.test.ts',
  'test/opentelemetry/server-counts.test.ts',
  'test/processes/broker-kills.test.ts',
  'test/processes/cache-kills.test.ts',
  'test/processes/cache-mutants.test.ts',
  'test/processes/pipelining-mutants.test.ts',
  'test/processes/cache-processes.test.ts',
  'test/processes/cli.test.ts',
  'test/processes/clocks.test.ts',
  'test/processes/idempotency.test.ts',
  'test/processes/event-kills.test.ts',
  'test/processes/kills.test.ts',
  'test/processes/runner.test.ts',
  'test/processes/saga-kills.test.ts',
  'test/processes/shared-reads-mutants.test.ts',
  'test/processes/two-phase-kills.test.ts',
  'test/property/pipelining.test.ts',
  'test/property/pool-simulation.test.ts',
  'test/property/saga-crashes.test.ts',
];

/** The files of them. */
export function longFiles(): readonly string[] {
  return globSync(longTests);
}

export function testChoice(): TestChoice {
  const name = process.env['SLUICE_TESTS'];
  return name === 'short' || name === 'long' ? name : 'all';
}
