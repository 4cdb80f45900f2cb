import type pg from 'pg';
import { internalsOf } from './pg-types.ts';

/**
 * The `query_timeout` of the connection settings in milliseconds, 0 for none, which is taken from pg: it would tell of a
 * failure while the server goes on, and perhaps commits.
 */
export function takeQueryTimeout(client: pg.Client): number {
  const { connectionParameters } = internalsOf(client);
  const timeout = Number(connectionParameters.query_timeout ?? 0);
  connectionParameters.query_timeout = false;
  return timeout;
}
