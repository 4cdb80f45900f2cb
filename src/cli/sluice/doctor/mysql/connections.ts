import { limitsTooLow } from '../databases/connections-needed.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import type { Check } from '../finding.ts';

/** One is kept for an administrator. */
const reserved = 1;

/** Whether all processes together may open as many connections as they count on. */
export const connections: Check<DatabaseServer> = {
  name: 'connections',
  async look(server) {
    const [row] = await server.ask<{ most: unknown; ofUser: unknown; others: unknown }>(limits);
    if (row === undefined) return [];
    const [most, ofUser, others] = [Number(row.most), Number(row.ofUser), Number(row.others)];
    const places: [number, string][] = [
      [Math.max(0, most - reserved - others), `max_connections is ${most}, and other users have ${others}`],
    ];
    if (ofUser > 0) places.push([ofUser, 'max_user_connections of this user']);
    return limitsTooLow(server.settings, places, 'mysql()');
  },
};

/** Without the privilege PROCESS only the user's own connections are seen. */
const limits = `select @@global.max_connections as most, @@session.max_user_connections as ofUser,
  (select count(*) from information_schema.processlist
    where user not in (substring_index(current_user(), '@', 1), 'system user', 'event_scheduler')) as others`;
