-- What the restaurants cook: units, ingredients, recipes with their sub-recipes, menus with their text prices.

-- name: catalogue
-- The dishes and ingredients that restaurants choose from.
CREATE TEMP TABLE sample_ingredients (n int, category text, name text);
INSERT INTO sample_ingredients VALUES
    (1, 'Vegetables', 'Tomatoes'), (2, 'Vegetables', 'Onions'), (3, 'Vegetables', 'Garlic'), (4, 'Vegetables', 'Carrots'),
    (5, 'Vegetables', 'Celery'), (6, 'Vegetables', 'Potatoes'), (7, 'Vegetables', 'Spinach'), (8, 'Vegetables', 'Beetroot'),
    (9, 'Vegetables', 'Mushrooms'), (10, 'Vegetables', 'Aubergine'), (11, 'Fruit', 'Lemons'), (12, 'Fruit', 'Apples'),
    (13, 'Fruit', 'Figs'), (14, 'Fruit', 'Raspberries'), (15, 'Dairy', 'Butter'), (16, 'Dairy', 'Cream'),
    (17, 'Dairy', 'Parmesan'), (18, 'Dairy', 'Goat''s cheese'), (19, 'Dairy', 'Eggs'), (20, 'Meat and fish', 'Chicken'),
    (21, 'Meat and fish', 'Lamb shoulder'), (22, 'Meat and fish', 'Sea bass'), (23, 'Meat and fish', 'Prawns'),
    (24, 'Meat and fish', 'Beef shin'), (25, 'Dry goods', 'Flour'), (26, 'Dry goods', 'Rice'), (27, 'Dry goods', 'Lentils'),
    (28, 'Dry goods', 'Sugar'), (29, 'Dry goods', 'Dark chocolate'), (30, 'Dry goods', 'Almonds'), (31, 'Herbs', 'Basil'),
    (32, 'Herbs', 'Thyme'), (33, 'Herbs', 'Parsley'), (34, 'Oils', 'Olive oil'), (35, 'Oils', 'Sherry vinegar');

-- section 0 is a base that other recipes use; base is the number of the base a dish uses.
CREATE TEMP TABLE sample_dishes (n int, section int, name text, description text, cents int, tags text[], base int,
                                 ingredients int[]);
INSERT INTO sample_dishes VALUES
    (1, 0, 'Vegetable stock', NULL, NULL, '{vegan}', NULL, '{2,4,5,32}'),
    (2, 0, 'Tomato sauce', NULL, NULL, '{vegan}', NULL, '{1,2,3,34,31}'),
    (3, 0, 'Sherry vinaigrette', NULL, NULL, '{vegan}', NULL, '{34,35,3}'),
    (0, 1, 'Leek and potato soup', 'With chive oil', 750, '{vegetarian}', 1, '{6,2,15,16}'),
    (1, 1, 'Beetroot and goat''s cheese', 'Toasted almonds, sherry vinaigrette', 950, '{vegetarian,"gluten free"}', 3, '{8,18,30}'),
    (2, 1, 'Garlic prawns', 'Sizzling, with bread for the oil', 1250, '{}', NULL, '{23,3,34,33}'),
    (3, 1, 'Mushrooms on toast', 'Thyme, a little cream', 850, '{vegetarian}', NULL, '{9,32,16,15}'),
    (4, 1, 'Lentil salad', 'Warm, with soft herbs', 800, '{vegan,"gluten free"}', 3, '{27,4,33}'),
    (5, 1, 'Figs and parmesan', 'Honey, black pepper', 1050, '{vegetarian}', NULL, '{13,17,34}'),
    (6, 1, 'Chilled tomato soup', 'Basil, olive oil', 700, '{vegan}', NULL, '{1,3,34,31}'),
    (7, 1, 'Spinach fritters', 'Lemon yoghurt', 775, '{vegetarian}', NULL, '{7,19,25,11}'),
    (0, 2, 'Roast chicken for one', 'Lemon, thyme, roast potatoes', 1850, '{}', NULL, '{20,11,32,6}'),
    (1, 2, 'Sea bass, whole', 'Grilled over charcoal', 2450, '{"gluten free"}', NULL, '{22,11,33,34}'),
    (2, 2, 'Slow lamb shoulder', 'Eight hours, white beans', 2300, '{}', 1, '{21,3,4,32}'),
    (3, 2, 'Aubergine parmigiana', 'Our tomato sauce, basil', 1600, '{vegetarian}', 2, '{10,17,31}'),
    (4, 2, 'Mushroom risotto', 'Parmesan, parsley', 1650, '{vegetarian,"gluten free"}', 1, '{26,9,17,15}'),
    (5, 2, 'Beef shin pie', 'Buttery crust, greens', 1950, '{}', 1, '{24,25,15,2}'),
    (6, 2, 'Tagliatelle al pomodoro', 'Made this morning', 1400, '{vegetarian}', 2, '{25,19,31}'),
    (7, 2, 'Lentil and spinach stew', 'Lemon, warm flatbread', 1350, '{vegan}', 1, '{27,7,11}'),
    (0, 3, 'Chocolate tart', 'Sea salt, cream', 850, '{vegetarian}', NULL, '{29,15,19,25}'),
    (1, 3, 'Apple galette', 'Warm, with vanilla', 800, '{vegetarian}', NULL, '{12,25,15,28}'),
    (2, 3, 'Lemon posset', 'Almond biscuit', 700, '{vegetarian}', NULL, '{11,16,28,30}'),
    (3, 3, 'Raspberry meringue', NULL, 775, '{vegetarian,"gluten free"}', NULL, '{14,19,28,16}'),
    (4, 3, 'Baked figs', 'Thyme honey', 825, '{vegetarian}', NULL, '{13,32,30}'),
    (5, 3, 'Olive oil cake', 'Lemon syrup', 750, '{}', NULL, '{34,25,19,11}'),
    (6, 3, 'Rice pudding', 'Cinnamon', 650, '{vegetarian}', NULL, '{26,16,28}'),
    (7, 3, 'Cheese of the day', 'Ask us', 1100, '{vegetarian}', NULL, '{18,17}'),
    (0, 4, 'House white, glass', NULL, 600, NULL, NULL, NULL), (1, 4, 'House red, glass', NULL, 600, NULL, NULL, NULL),
    (2, 4, 'Dry cider', NULL, 525, NULL, NULL, NULL), (3, 4, 'Elderflower spritz', NULL, 750, NULL, NULL, NULL),
    (4, 4, 'Still lemonade', 'Made here', 400, NULL, NULL, NULL), (5, 4, 'Pale ale', NULL, 550, NULL, NULL, NULL),
    (6, 4, 'Mint tea', NULL, 325, NULL, NULL, NULL), (7, 4, 'Espresso', NULL, 275, NULL, NULL, NULL);

-- Each restaurant has the three bases and four dishes of each section; the same dish never costs the same.
CREATE TEMP TABLE sample_choices AS
SELECT row_number() OVER (ORDER BY r, d.section, d.n) AS id,
       CASE WHEN d.section < 4 THEN row_number() OVER (PARTITION BY d.section < 4 ORDER BY r, d.section, d.n) END AS recipe_id,
       CASE WHEN d.section > 0 THEN row_number() OVER (PARTITION BY d.section > 0 ORDER BY r, d.section, d.n) END AS item_id,
       r AS restaurant_id, pg_temp.staff_id(r, 0) AS author_id, d.*,
       (d.cents + 25 * pg_temp.pick(100 * r + 10 * d.section + d.n, 101, 8)) / 100.0 AS price
FROM generate_series(1, pg_temp.restaurants()) r
     JOIN sample_dishes d ON d.section = 0 OR (d.n + r * 3 + d.section) % 8 < 4;

-- name: pantry
-- Each restaurant's owner has categories, units and ingredients of their own.
INSERT INTO categories (id, name, description, created_at, updated_at, user_id, restaurant_id)
SELECT (r - 1) * 4 + n, (ARRAY['Basics', 'Starters', 'Mains', 'Desserts'])[n], CASE n WHEN 1 THEN 'Used in other recipes' END,
       day, day, pg_temp.staff_id(r, 0), r
FROM generate_series(1, pg_temp.restaurants()) r, generate_series(1, 4) n,
     LATERAL (SELECT pg_temp.today() - interval '690 days') AS times (day)
ORDER BY 1;

INSERT INTO units_of_measure (id, name, abbreviation, type, created_at, updated_at, user_id)
SELECT (r - 1) * 7 + n, name, abbreviation, type::"UnitType", day, day, pg_temp.staff_id(r, 0)
FROM generate_series(1, pg_temp.restaurants()) r,
     (VALUES (1, 'gram', 'g', 'WEIGHT'), (2, 'kilogram', 'kg', 'WEIGHT'), (3, 'millilitre', 'ml', 'VOLUME'),
             (4, 'litre', 'l', 'VOLUME'), (5, 'piece', 'pc', 'COUNT'), (6, 'pinch', NULL, 'OTHER'), (7, 'handful', NULL, NULL)
     ) AS units (n, name, abbreviation, type),
     LATERAL (SELECT pg_temp.today() - interval '690 days') AS times (day)
ORDER BY 1;

INSERT INTO ingredient_categories (id, name, created_at, updated_at, user_id)
SELECT (r - 1) * 7 + n, name, day, day, pg_temp.staff_id(r, 0)
FROM generate_series(1, pg_temp.restaurants()) r,
     unnest(ARRAY['Vegetables', 'Fruit', 'Dairy', 'Meat and fish', 'Dry goods', 'Herbs', 'Oils']) WITH ORDINALITY AS c (name, n),
     LATERAL (SELECT pg_temp.today() - interval '690 days') AS times (day)
ORDER BY 1;

INSERT INTO ingredients (id, name, created_at, updated_at, ingredient_category_id, user_id)
SELECT (r - 1) * 35 + i.n, i.name, day, day, c.id, c.user_id
FROM generate_series(1, pg_temp.restaurants()) r
     JOIN ingredient_categories c ON c.user_id = pg_temp.staff_id(r, 0)
     JOIN sample_ingredients i ON i.category = c.name,
     LATERAL (SELECT pg_temp.today() - interval '680 days') AS times (day)
ORDER BY 1;

-- name: recipes
-- A recipe for each base and each dish that is cooked, written by the owner, with ingredients and sub-recipes.
INSERT INTO recipes (id, name, description, instructions, yield_quantity, yield_unit_id, prep_time_minutes, cook_time_minutes,
                     tags, created_at, updated_at, category_id, user_id, menu_title, menu_description, photo_url)
SELECT c.recipe_id, c.name, c.description,
       CASE WHEN c.section = 0 THEN 'Simmer gently, strain, cool. Keeps three days.'
            ELSE 'Weigh everything first. Season at every step, taste, and plate while hot.' END,
       CASE WHEN c.section = 0 THEN 2.5 ELSE 4 END, (c.restaurant_id - 1) * 7 + CASE WHEN c.section = 0 THEN 4 ELSE 5 END,
       10 + 5 * pg_temp.pick(c.recipe_id, 111, 6), CASE WHEN c.section <> 3 THEN 15 * (1 + pg_temp.pick(c.recipe_id, 112, 8)) END,
       c.tags, pg_temp.today() - 670 + pg_temp.pick(c.recipe_id, 113, 300)::int, pg_temp.today() - pg_temp.pick(c.recipe_id, 114, 300)::int,
       (c.restaurant_id - 1) * 4 + 1 + c.section, c.author_id,
       CASE WHEN c.section > 0 THEN c.name END, c.description,
       CASE WHEN pg_temp.pick(c.recipe_id, 115, 3) = 0 THEN 'https://photos.example/' || c.recipe_id || '.jpg' END
FROM sample_choices c
WHERE c.recipe_id IS NOT NULL
ORDER BY c.recipe_id;

INSERT INTO recipe_ingredients (id, recipe_id, ingredient_id, sub_recipe_id, quantity, unit_id, "order", created_at, updated_at)
SELECT row_number() OVER (ORDER BY c.recipe_id, line.n), c.recipe_id,
       CASE WHEN line.n > 0 THEN (c.restaurant_id - 1) * 35 + line.ingredient END,
       CASE WHEN line.n = 0 THEN base.recipe_id END,
       CASE WHEN line.n = 0 THEN 0.5 ELSE 25 * (1 + pg_temp.pick(c.recipe_id * 10 + line.n, 121, 20)) END,
       (c.restaurant_id - 1) * 7 + CASE WHEN line.n = 0 THEN 4 ELSE 1 END, line.n,
       pg_temp.today() - interval '660 days', pg_temp.today() - interval '660 days'
FROM sample_choices c
     LEFT JOIN sample_choices base ON base.restaurant_id = c.restaurant_id AND base.section = 0 AND base.n = c.base,
     LATERAL (SELECT 0::bigint, NULL::int WHERE c.base IS NOT NULL
              UNION ALL
              SELECT i.n, i.ingredient FROM unnest(c.ingredients) WITH ORDINALITY AS i (ingredient, n)) AS line (n, ingredient)
WHERE c.recipe_id IS NOT NULL;

-- name: menus
-- Each restaurant's dinner menu of four sections, and last winter's, archived and empty; prices are text, as typed.
INSERT INTO menus (id, name, title, subtitle, font, layout, columns_count, page_size, background_color, text_color, accent_color,
                   base_font_size, title_font_size, logo_position, logo_size, section_divider_style, show_dollar_sign,
                   is_archived, created_at, updated_at, user_id)
SELECT (r - 1) * 2 + n, CASE n WHEN 1 THEN 'Dinner' ELSE 'Winter' END, restaurants.name,
       CASE n WHEN 1 THEN 'Tuesday to Sunday from six' END,
       (ARRAY['Cormorant Garamond', 'Lora', 'Work Sans'])[1 + r % 3], (ARRAY['single', 'two-column'])[1 + r % 2], 1 + r % 2, 'A4',
       '#fdfbf7', '#2b2b2b', (ARRAY['#8c3b2e', '#2f5d50', '#b8860b'])[1 + r % 3], 11, 28, 'top', 120,
       CASE WHEN r % 2 = 0 THEN 'rule' END, r % 4 = 0, n = 2,
       pg_temp.today() - interval '600 days', pg_temp.today() - 40 * n * interval '1 day', pg_temp.staff_id(r, 0)
FROM generate_series(1, pg_temp.restaurants()) r JOIN restaurants ON restaurants.id = r, generate_series(1, 2) n
ORDER BY 1;

INSERT INTO menu_sections (id, name, position, menu_id)
SELECT (r - 1) * 4 + n, (ARRAY['Starters', 'Mains', 'Desserts', 'Drinks'])[n], n - 1, (r - 1) * 2 + 1
FROM generate_series(1, pg_temp.restaurants()) r, generate_series(1, 4) n
ORDER BY 1;

INSERT INTO menu_items (id, name, description, price, position, active, recipe_id, section_id)
SELECT item_id, name, description,
       CASE WHEN name LIKE 'Sea bass%' THEN 'market price'
            ELSE CASE restaurant_id % 4 WHEN 0 THEN '$' || price::numeric(6,2) WHEN 1 THEN price::numeric(6,2)::text
                 WHEN 2 THEN '£' || price::numeric(6,2) ELSE '€ ' || replace(replace(price::numeric(6,2)::text, '.00', ''), '.', ',') END END,
       row_number() OVER (PARTITION BY restaurant_id, section ORDER BY n) - 1, pg_temp.pick(item_id, 131, 15) > 0, recipe_id,
       (restaurant_id - 1) * 4 + section
FROM sample_choices
WHERE item_id IS NOT NULL
ORDER BY item_id;
