import { fieldOf } from '../../../core/index.ts';
import { type TwoPhaseDialect, twoPhaseTables } from '../../../driver/index.ts';
import { tableOptions } from './table-options.ts';

/** The first versions in which what is prepared stays when its connection ends, and may be ended on another one. */
const [oldestMariadb, oldestMysql] = [10.05, 8];

export const mysqlTwoPhase: TwoPhaseDialect = {
  create: twoPhaseTables({
    name: (longest) => `varchar(${longest})`,
    long: 'bigint',
    text: 'longtext',
    table: ` ${tableOptions}`,
    writeHome: `insert ignore into sluice_two_phase_home (number, id)
  values (1, substr(md5(concat(uuid(), rand())), 1, 16))`,
  }),
  begin: (id, isolation) => [
    ...(isolation === undefined ? [] : [`SET TRANSACTION ISOLATION LEVEL ${isolation.replace('_', ' ')}`]),
    `XA START '${id}'`,
  ],
  abandon: (id) => [`XA END '${id}'`, `XA ROLLBACK '${id}'`],
  prepare: (id) => [`XA END '${id}'`, `XA PREPARE '${id}'`],
  commit: (id) => `XA COMMIT '${id}'`,
  rollback: (id) => `XA ROLLBACK '${id}'`,
  // With autocommit off a session counts as one with work outside of what it is to end.
  elsewhere: (end) => ['SET autocommit = 1', end, 'SET autocommit = 0'],
  list: 'XA RECOVER',
  idIn: ({ data }) => String(data),
  // The second: it has changed nothing, and is rolled back.
  isGone: (error) => [1397, 1402].includes(Number(fieldOf(error, 'errno'))),
  ability: 'select version() as version',
  inability: ({ version }) => {
    const text = String(version);
    const [major = 0, minor = 0] = text.split('.').map(Number);
    const isNew = /mariadb/i.test(text) ? major + minor / 100 >= oldestMariadb : major >= oldestMysql;
    if (isNew) return undefined;
    return {
      what: 'its server rolls back what is prepared when the connection ends',
      remedy: 'Use MariaDB 10.5 or MySQL 8.0.29, or newer',
    };
  },
  insertNew: 'insert ignore into',
  orNothing: '',
  isMissingTable: (error) => [1146, 1054].includes(Number(fieldOf(error, 'errno'))),
  isDuplicate: (error) => fieldOf(error, 'errno') === 1062,
};
