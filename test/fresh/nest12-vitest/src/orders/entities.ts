import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
export class Product {
  @PrimaryColumn()
  id!: string;

  @Column('int')
  stock!: number;
}

@Entity('shop_order')
export class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  productId!: string;

  @Column({ default: false })
  paid!: boolean;
}

@Entity()
export class Payment {
  // One for each order: a second one would be an error.
  @PrimaryColumn('int')
  orderId!: number;
}
