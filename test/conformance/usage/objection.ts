// Objection as its users have it, over a Knex, on both servers.
import type { Knex } from 'knex';
import { Model, type RelationMappings } from 'objection';
import { engine } from '../../support/database.ts';
import { openings as openingsOfKnex } from './knex.ts';
import type { Openings, Usage } from './suite.ts';

export const schema = `create table part (id ${engine.sql.generatedId}, product_id int not null, name varchar(20) not null,
  foreign key (product_id) references product (id) on delete cascade)`;

/** Models on a Knex, as a program has them. */
export interface Shop {
  readonly knex: Knex;
  readonly Product: ReturnType<typeof modelsOn>['Product'];
  readonly Part: ReturnType<typeof modelsOn>['Part'];
  /** What hooks have told. */
  readonly told: unknown[];
}
export type ObjectionUsage = Usage<Shop>;

// Models have relations to each other, so a program makes all of them.
// oxlint-disable-next-line typescript/explicit-function-return-type -- classes have no other name
function modelsOn(knex: Knex, told: unknown[]) {
  class Base extends Model {}
  Base.knex(knex);

  class Part extends Base {
    static override readonly tableName = 'part';
    declare id: number;
    declare name: string;
    declare product_id: number;
  }

  class Product extends Base {
    static override readonly tableName = 'product';
    declare id: number;
    declare stock: number;
    declare parts?: Part[];

    static override get relationMappings(): RelationMappings {
      return {
        parts: {
          relation: Model.HasManyRelation,
          modelClass: Part,
          join: { from: 'product.id', to: 'part.product_id' },
        },
      };
    }

    override async $afterInsert(context: { readonly transaction?: Knex }): Promise<void> {
      const counted = await Product.query(context.transaction).resultSize();
      told.push(['inserted', this.id, counted]);
    }

    override $beforeUpdate(): void {
      told.push('updating');
    }
  }
  return { Product, Part };
}

function open(knex: Knex): Shop {
  const told: unknown[] = [];
  return { knex, told, ...modelsOn(knex, told) };
}

export const openings: Openings<Shop> = {
  alone: async (url) => open(await openingsOfKnex.alone(url)),
  bound: async (database) => open(await openingsOfKnex.bound(database)),
  close: ({ knex }) => knex.destroy(),
};

export const failed = new Error('failed');

/** The classes of an error, and where its parts are. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    if (error === failed) return 'failed';
    const { constructor, message, table, constraint, columns, client, nativeError, statusCode, type } = error as Error &
      Record<string, unknown>;
    const { code, errno } = (nativeError ?? error) as Record<string, unknown>;
    return { class: constructor.name, message, table, constraint, columns, client, statusCode, type, code, errno };
  }
}
