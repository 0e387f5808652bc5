-- Recipes and the menu builder, as the old application's ORM made them.

-- name: type_UnitType
-- Creates the enum of units_of_measure.type.
CREATE TYPE "UnitType" AS ENUM ('WEIGHT', 'VOLUME', 'COUNT', 'OTHER');

-- name: categories
-- Creates categories, with its indexes and its keys to users and restaurants.
CREATE TABLE categories (
    id serial NOT NULL,
    name varchar(150) NOT NULL,
    description text,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    restaurant_id integer NOT NULL,
    CONSTRAINT categories_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX categories_name_user_id_restaurant_id_key ON categories (name, user_id, restaurant_id);
CREATE INDEX categories_user_id_idx ON categories (user_id);
CREATE INDEX categories_restaurant_id_idx ON categories (restaurant_id);
ALTER TABLE categories
    ADD CONSTRAINT categories_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT categories_restaurant_id_fkey
        FOREIGN KEY (restaurant_id) REFERENCES restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: units_of_measure
-- Creates units_of_measure, with its indexes and its key to users.
CREATE TABLE units_of_measure (
    id serial NOT NULL,
    name varchar(100) NOT NULL,
    abbreviation varchar(20),
    type "UnitType",
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT units_of_measure_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX units_of_measure_name_user_id_key ON units_of_measure (name, user_id);
CREATE UNIQUE INDEX units_of_measure_abbreviation_user_id_key ON units_of_measure (abbreviation, user_id);
CREATE INDEX units_of_measure_user_id_idx ON units_of_measure (user_id);
ALTER TABLE units_of_measure
    ADD CONSTRAINT units_of_measure_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: ingredient_categories
-- Creates ingredient_categories, with its indexes and its key to users.
CREATE TABLE ingredient_categories (
    id serial NOT NULL,
    name varchar(150) NOT NULL,
    description text,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT ingredient_categories_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ingredient_categories_name_user_id_key ON ingredient_categories (name, user_id);
CREATE INDEX ingredient_categories_user_id_idx ON ingredient_categories (user_id);
ALTER TABLE ingredient_categories
    ADD CONSTRAINT ingredient_categories_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: ingredients
-- Creates ingredients, with its indexes and its keys to ingredient_categories and users.
CREATE TABLE ingredients (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    ingredient_category_id integer,
    user_id integer NOT NULL,
    CONSTRAINT ingredients_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ingredients_name_user_id_key ON ingredients (name, user_id);
CREATE INDEX ingredients_ingredient_category_id_idx ON ingredients (ingredient_category_id);
CREATE INDEX ingredients_user_id_idx ON ingredients (user_id);
ALTER TABLE ingredients
    ADD CONSTRAINT ingredients_ingredient_category_id_fkey
        FOREIGN KEY (ingredient_category_id) REFERENCES ingredient_categories (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT ingredients_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: recipes
-- Creates recipes, with its indexes and its keys to units_of_measure, categories and users.
CREATE TABLE recipes (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    instructions text NOT NULL,
    yield_quantity numeric(10,2),
    yield_unit_id integer,
    prep_time_minutes integer,
    cook_time_minutes integer,
    tags text[] NOT NULL,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    category_id integer,
    user_id integer NOT NULL,
    menu_title varchar(255),
    menu_description text,
    photo_url text,
    photo_public_id text,
    CONSTRAINT recipes_pkey PRIMARY KEY (id)
);
CREATE INDEX recipes_yield_unit_id_idx ON recipes (yield_unit_id);
CREATE INDEX recipes_category_id_idx ON recipes (category_id);
CREATE INDEX recipes_user_id_idx ON recipes (user_id);
ALTER TABLE recipes
    ADD CONSTRAINT recipes_yield_unit_id_fkey
        FOREIGN KEY (yield_unit_id) REFERENCES units_of_measure (id) ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT recipes_category_id_fkey
        FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT recipes_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: recipe_ingredients
-- Creates recipe_ingredients, with its indexes and its keys to recipes (twice), ingredients and units_of_measure.
CREATE TABLE recipe_ingredients (
    id serial NOT NULL,
    recipe_id integer NOT NULL,
    ingredient_id integer,
    sub_recipe_id integer,
    quantity numeric(10,2) NOT NULL,
    unit_id integer NOT NULL,
    "order" integer NOT NULL DEFAULT 0,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    CONSTRAINT recipe_ingredients_pkey PRIMARY KEY (id)
);
CREATE INDEX recipe_ingredients_recipe_id_idx ON recipe_ingredients (recipe_id);
CREATE INDEX recipe_ingredients_ingredient_id_idx ON recipe_ingredients (ingredient_id);
CREATE INDEX recipe_ingredients_sub_recipe_id_idx ON recipe_ingredients (sub_recipe_id);
CREATE INDEX recipe_ingredients_unit_id_idx ON recipe_ingredients (unit_id);
ALTER TABLE recipe_ingredients
    ADD CONSTRAINT recipe_ingredients_recipe_id_fkey
        FOREIGN KEY (recipe_id) REFERENCES recipes (id) ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT recipe_ingredients_ingredient_id_fkey
        FOREIGN KEY (ingredient_id) REFERENCES ingredients (id) ON DELETE RESTRICT ON UPDATE CASCADE,
    ADD CONSTRAINT recipe_ingredients_sub_recipe_id_fkey
        FOREIGN KEY (sub_recipe_id) REFERENCES recipes (id) ON DELETE RESTRICT ON UPDATE CASCADE,
    ADD CONSTRAINT recipe_ingredients_unit_id_fkey
        FOREIGN KEY (unit_id) REFERENCES units_of_measure (id) ON DELETE RESTRICT ON UPDATE CASCADE;

-- name: menus
-- Creates menus, with its index and its key to users.
CREATE TABLE menus (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    title text,
    subtitle text,
    font varchar(100),
    title_font varchar(100),
    layout varchar(50),
    columns_count integer,
    page_size varchar(20),
    background_color varchar(20),
    text_color varchar(20),
    accent_color varchar(20),
    title_color varchar(20),
    base_font_size integer,
    title_font_size integer,
    section_font_size integer,
    item_spacing integer,
    page_margin integer,
    logo_path text,
    logo_position varchar(20),
    logo_size integer,
    logo_offset integer,
    section_divider_url text,
    section_divider_style varchar(50),
    section_divider_color varchar(20),
    section_divider_size integer,
    show_dollar_sign boolean NOT NULL DEFAULT true,
    show_decimals boolean NOT NULL DEFAULT true,
    show_section_dividers boolean NOT NULL DEFAULT true,
    rich_text_enabled boolean NOT NULL DEFAULT false,
    is_archived boolean NOT NULL DEFAULT false,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) NOT NULL,
    user_id integer NOT NULL,
    CONSTRAINT menus_pkey PRIMARY KEY (id)
);
CREATE INDEX menus_user_id_idx ON menus (user_id);
ALTER TABLE menus
    ADD CONSTRAINT menus_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: menu_sections
-- Creates menu_sections, with its index and its key to menus.
CREATE TABLE menu_sections (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    position integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    menu_id integer NOT NULL,
    CONSTRAINT menu_sections_pkey PRIMARY KEY (id)
);
CREATE INDEX menu_sections_menu_id_idx ON menu_sections (menu_id);
ALTER TABLE menu_sections
    ADD CONSTRAINT menu_sections_menu_id_fkey
        FOREIGN KEY (menu_id) REFERENCES menus (id) ON DELETE CASCADE ON UPDATE CASCADE;

-- name: menu_items
-- Creates menu_items, with its indexes and its keys to recipes and menu_sections.
CREATE TABLE menu_items (
    id serial NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    price text,
    position integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    recipe_id integer,
    section_id integer NOT NULL,
    CONSTRAINT menu_items_pkey PRIMARY KEY (id)
);
CREATE INDEX menu_items_recipe_id_idx ON menu_items (recipe_id);
CREATE INDEX menu_items_section_id_idx ON menu_items (section_id);
ALTER TABLE menu_items
    ADD CONSTRAINT menu_items_recipe_id_fkey
        FOREIGN KEY (recipe_id) REFERENCES recipes (id) ON DELETE SET NULL ON UPDATE CASCADE,
    ADD CONSTRAINT menu_items_section_id_fkey
        FOREIGN KEY (section_id) REFERENCES menu_sections (id) ON DELETE CASCADE ON UPDATE CASCADE;
