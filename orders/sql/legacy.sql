-- Orders and their items, as the old application's ORM made them.

-- name: type_OrderStatus
-- Creates the enum of orders.status.
CREATE TYPE "OrderStatus" AS ENUM ('NEW', 'IN_PROGRESS', 'READY', 'COMPLETED', 'CANCELLED');

-- name: type_OrderType
-- Creates the enum of orders.order_type.
CREATE TYPE "OrderType" AS ENUM ('DINE_IN', 'TAKEOUT', 'DELIVERY');

-- name: type_OrderItemStatus
-- Creates the enum of order_items.status.
CREATE TYPE "OrderItemStatus" AS ENUM ('PENDING', 'PREPARING', 'READY', 'SERVED', 'CANCELLED');

-- name: orders
-- Creates orders, with its indexes and its keys to reservations, restaurants and users.
CREATE TABLE orders (
    id serial NOT NULL,
    order_number varchar(50) NOT NULL,
    reservation_id integer,
    restaurant_id integer NOT NULL,
    customer_name varchar(255),
    status "OrderStatus" NOT NULL DEFAULT 'NEW',
    order_type "OrderType" NOT NULL DEFAULT 'DINE_IN',
    notes text,
    total_amount numeric(10,2),
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX orders_order_number_key ON orders (order_number);
CREATE INDEX orders_reservation_id_idx ON orders (reservation_id);
CREATE INDEX orders_restaurant_id_idx ON orders (restaurant_id);
CREATE INDEX orders_status_idx ON orders (status);
CREATE INDEX orders_user_id_idx ON orders (user_id);
ALTER TABLE orders
    ADD CONSTRAINT orders_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES reservations (id) ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT orders_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT orders_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: order_items
-- Creates order_items, with its indexes and its keys to orders and menu_items.
CREATE TABLE order_items (
    id serial NOT NULL,
    order_id integer NOT NULL,
    menu_item_id integer NOT NULL,
    quantity integer NOT NULL DEFAULT 1,
    price numeric(10,2) NOT NULL,
    modifiers json,
    status "OrderItemStatus" NOT NULL DEFAULT 'PENDING',
    notes text,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT order_items_pkey PRIMARY KEY (id)
);
CREATE INDEX order_items_order_id_idx ON order_items (order_id);
CREATE INDEX order_items_menu_item_id_idx ON order_items (menu_item_id);
ALTER TABLE order_items
    ADD CONSTRAINT order_items_order_id_fkey
        FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT order_items_menu_item_id_fkey
        FOREIGN KEY (menu_item_id) REFERENCES menu_items (id) ON DELETE RESTRICT ON UPDATE CASCADE;
