import { runInFrame } from '../../context/index.ts';
import { type Database, internalsOf } from '../../database/index.ts';
import { runUncounted } from '../measure/uncounted.ts';
import type { SessionView } from '../snapshot.ts';

/** How many sessions are shown of a client. */
const most = 200;
const longestText = 1_000;

// One that is being opened has no state yet, or 'starting', and no text; one whose state the user may not see has a text that says so.
const onPostgres = `select a.pid as id, coalesce(a.usename, '') as "user", coalesce(a.application_name, '') as application,
  coalesce(a.state, '') as state, left(coalesce(a.query, ''), 10000) as text,
  coalesce(extract(epoch from clock_timestamp() - a.state_change) * 1000, 0)::float8 as "for",
  (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as age,
  pg_blocking_pids(a.pid)::text as blocked
from pg_stat_activity a
where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
  and coalesce(a.state, '') not in ('idle', 'starting') and (a.state is not null or a.query <> '')
order by a.xact_start nulls last limit ${most}`;

const onMysql = `select p.id as id, p.user as user, '' as application, p.command as state,
  left(coalesce(p.info, ''), 10000) as text, p.time * 1000 as \`for\`,
  timestampdiff(microsecond, t.trx_started, now(6)) / 1000 as age, '' as blocked
from information_schema.processlist p left join information_schema.innodb_trx t on t.trx_mysql_thread_id = p.id
where p.db = database() and p.id <> connection_id() and (p.command not in ('Sleep', 'Connect') or t.trx_id is not null)
order by t.trx_started is null, t.trx_started limit ${most}`;

interface Row {
  readonly id: unknown;
  readonly user: unknown;
  readonly application: unknown;
  readonly state: unknown;
  readonly text: unknown;
  readonly for: unknown;
  readonly age: unknown;
  readonly blocked: unknown;
}

/** The sessions of the database of each client that do something, or have a transaction open. @throws what the server answers */
export async function sessionsOf(database: Database): Promise<readonly SessionView[]> {
  const found: SessionView[] = [];
  for (const name of Object.keys(database.stats().clients)) {
    const { driver, show } = internalsOf(database).clientNamed(name);
    const text = { postgres: onPostgres, mysql: onMysql }[driver.dialect];
    if (text === undefined) continue;
    const db = database.getDb({ clientName: name, level: internalsOf(database).maxLevel });
    const { rows } = await runInFrame(undefined, () => runUncounted(() => db.query<Row>(text)), undefined);
    found.push(...rows.map((row) => sessionOf(row, driver.target, show)));
  }
  return found;
}

function sessionOf(row: Row, target: string, show: (text: string) => string): SessionView {
  const shown = show(String(row.text));
  return {
    backendId: Number(row.id),
    target,
    user: String(row.user),
    application: String(row.application),
    state: String(row.state),
    for: Number(row.for),
    ...(row.age === null ? {} : { transactionAge: Number(row.age) }),
    ...(shown === '' ? {} : { text: shown.length > longestText ? `${shown.slice(0, longestText)}…` : shown }),
    blockedBy: (String(row.blocked).match(/\d+/g) ?? []).map(Number),
  };
}
