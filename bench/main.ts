// Sluice against raw `pg`, in interleaved rounds on one server. Figures are ratios: the times of a machine mean little.
import { availableParallelism, loadavg } from 'node:os';
import { openBeforeArena } from './before.ts';
import { openMariadbArena, openSqliteArena } from './engines.ts';
import { benchBrokers } from './brokers/suite.ts';
import { benchFlights } from './flights/suite.ts';
import { connectionString, duration, lengthsBeside, mariadbUrl, rounds, values } from './options.ts';
import { benchCaches, benchEngine, benchGrowth, benchJobs, benchLeak, benchLibraries, benchPeers } from './suites.ts';
import { benchTelemetry } from './telemetry.ts';
import { benchTransactions, isAsked } from './transactions.ts';

const figures =
  values.before === ''
    ? await benchAll(connectionString)
    : {
        before: await benchEngine(
          () => openBeforeArena(values.before, { postgres: connectionString, mariadb: mariadbUrl }, values.only),
          lengthsBeside,
        ),
      };
if (values.json) console.log(JSON.stringify(figures));

async function benchAll(url: string): Promise<object> {
  return {
    node: process.version,
    // How much others have to do: processes that run or wait for a processor, in the last minute.
    load: Number(loadavg()[0]?.toFixed(1)),
    processors: availableParallelism(),
    rounds,
    duration,
    ...(isAsked ? await benchTransactions(url) : {}),
    ...('mariadb'.includes(values.only) ? { mariadb: await benchEngine(() => openMariadbArena(mariadbUrl)) } : {}),
    ...('sqlite'.includes(values.only) ? { sqlite: await benchEngine(openSqliteArena) } : {}),
    ...('libraries'.includes(values.only) ? { libraries: await benchLibraries(url) } : {}),
    ...('peers'.includes(values.only) ? { peers: await benchPeers(url) } : {}),
    ...('caches'.includes(values.only) ? { caches: await benchCaches(url) } : {}),
    ...('telemetry'.includes(values.only) ? { telemetry: await benchTelemetry(url) } : {}),
    ...('flights'.includes(values.only) ? { flights: await benchFlights(url) } : {}),
    ...('growth'.includes(values.only) ? { growth: await benchGrowth(url) } : {}),
    ...('leak'.includes(values.only) ? { leak: await benchLeak(url) } : {}),
    ...('brokers'.includes(values.only) ? { brokers: await benchBrokers(url) } : {}),
    ...('jobs'.includes(values.only) ? { jobs: await benchJobs(url) } : {}),
  };
}
