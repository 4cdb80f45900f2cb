import { engine } from '../../support/database.ts';

const isSlow = engine.lacks['slow commits'] === undefined;

/** What a COMMIT takes long for, where the server can do that. */
export const slowCommitSchema: readonly string[] = isSlow
  ? [
      'create table slow (id int)',
      `create function sleep_at_commit() returns trigger language plpgsql as $$
         begin perform pg_sleep(0.1); return null; end $$`,
      `create constraint trigger slowly after insert on slow deferrable initially deferred
         for each row execute function sleep_at_commit()`,
    ]
  : [];

/** Lets the COMMIT of its transaction take long. */
export const slowCommit = isSlow ? 'insert into slow values (1)' : 'select 1';
