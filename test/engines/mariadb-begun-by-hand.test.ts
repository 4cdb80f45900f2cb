// What libraries begin without a body on MariaDB, over the ambient pool for mysql2.
import { Kysely, MysqlDialect } from 'kysely';
import { ambientPool } from '../../src/drivers/mysql/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';
import { knexByHand, kyselyByHand, Product, type Tables, typeOrmByHand } from '../conformance/by-hand-libraries.ts';
import { byHandSuite } from '../conformance/by-hand-suite.ts';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();

byHandSuite('Kysely', server, (database) =>
  kyselyByHand(
    bindKysely(new Kysely<Tables>({ dialect: new MysqlDialect({ pool: ambientPool(database) }) }), database),
  ),
);
byHandSuite('Knex', server, (database) => knexByHand(createKnex(database)));
byHandSuite('TypeORM', server, (database) =>
  typeOrmByHand(createDataSource(database, { type: 'mariadb', entities: [Product] })),
);
byHandSuite('a connection of the ambient pool', server, (database) => {
  const pool = ambientPool(database).promise();
  return {
    async begin() {
      const connection = await pool.getConnection();
      await connection.beginTransaction();
      return {
        insert: (id) => connection.query('insert into product (id) values (?)', [id]),
        commit: () => connection.commit(),
        rollback: () => connection.rollback(),
        release: async () => connection.release(),
      };
    },
    close: () => pool.end(),
  };
});
