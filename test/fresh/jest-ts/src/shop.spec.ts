import 'reflect-metadata';
import { afterCommit, createDatabase, Transactional } from 'sluice';
import { postgres } from 'sluice/postgres';
import { createDataSource } from 'sluice/typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';

const table = `fresh_${process.pid}`;

@Entity(table)
class Product {
  @PrimaryColumn('int') id!: number;
  @Column('int') stock!: number;
}

const database = createDatabase({
  clients: { default: postgres({ connectionString: process.env.DATABASE_URL, max: 1 }) },
});
const dataSource = createDataSource(database, { entities: [Product] });

class Products {
  @Transactional()
  async add(id: number, stock: number): Promise<void> {
    await dataSource.getRepository(Product).insert({ id, stock });
    await database.query(`update ${table} set stock = stock where id = $1`, [id]);
    if (stock < 0) throw new RangeError('sold out');
  }
}

describe('a service with a decorator, on TypeORM', () => {
  beforeAll(async () => {
    await dataSource.initialize();
    await database.query(`create table ${table} (id int primary key, stock int not null)`);
  });
  afterAll(async () => {
    await database.query(`drop table ${table}`);
    await dataSource.destroy();
    await database.close();
  });

  it('commits, and rolls back', async () => {
    const told: number[] = [];
    const products = new Products();
    await database.transaction(async () => {
      afterCommit(() => void told.push(1));
      await products.add(1, 5);
    });
    await expect(products.add(2, -1)).rejects.toThrow(RangeError);
    expect(await dataSource.getRepository(Product).find()).toEqual([{ id: 1, stock: 5 }]);
    expect(told).toEqual([1]);
  });
});
