import { setTimeout } from 'node:timers/promises';
import { duration, harmless } from '../../terminal/text.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check, Finding } from '../finding.ts';

/** A replica that is further behind is a finding: in milliseconds, and in bytes of WAL, since one that stands still has no time. */
const tolerated = { time: 10_000, bytes: 64 * 1024 * 1024 } as const;
/** After a long silence what has just arrived looks as old as what came before it; in milliseconds. */
const secondLook = 500;

/** How far standbys are behind: those of this server, or this one. Users without pg_monitor do not see others. */
export const replicas: Check<DatabaseServer> = {
  name: 'replicas',
  async look(server) {
    const own = await behindOf(server);
    if (own > tolerated.time) {
      await setTimeout(secondLook);
      const still = await behindOf(server);
      if (still > tolerated.time) return [delayed('This server', duration(still))];
    }
    const others = await server.ask<{ name: string; behind: unknown; bytes: unknown }>(ofOthers);
    return others.flatMap(({ name, behind, bytes }) => {
      const standby = `The standby ${harmless(name)}`;
      if (Number(behind ?? 0) > tolerated.time) return [delayed(standby, duration(Number(behind)))];
      if (Number(bytes ?? 0) <= tolerated.bytes) return [];
      return [delayed(standby, `${Math.round(Number(bytes) / 1024 / 1024)} MB of WAL`)];
    });
  },
};

async function behindOf(server: DatabaseServer): Promise<number> {
  const [row] = await server.ask<{ behind: unknown }>(ofThisOne);
  return Number(row?.behind ?? 0);
}

/** What has arrived and was not replayed yet. */
const ofThisOne = `select case when pg_is_in_recovery() and pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
  then extract(epoch from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) * 1000
  end as behind`;
const ofOthers = `select coalesce(nullif(application_name, ''), 'without a name') as name,
  extract(epoch from replay_lag) * 1000 as behind, pg_wal_lsn_diff(sent_lsn, replay_lsn) as bytes from pg_stat_replication`;

function delayed(name: string, behind: string): Finding {
  return {
    code: 'REPLICA_DELAYED',
    severity: 'warning',
    what: `${name} is ${behind} behind`,
    remedy:
      'See what it waits for (pg_stat_replication, recovery_min_apply_delay, long queries on it); until then do not read from it what was just written',
  };
}
