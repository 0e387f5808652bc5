-- Who: restaurants' staff and customers. Every value is a function of (seed, salt, row), so a seed gives one database.

-- name: functions
-- Temporary functions: the size, and `pick`, a number below n that looks random. Python puts the figures in.
CREATE FUNCTION pg_temp.pick(i bigint, salt int, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    'SELECT (hashint8extended(i, 1000 * %(seed)s::bigint + salt) & 9223372036854775807) %% n';
CREATE FUNCTION pg_temp.customers() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT %(customers)s::bigint';
CREATE FUNCTION pg_temp.restaurants() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT %(restaurants)s::bigint';
CREATE FUNCTION pg_temp.ranks() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT %(ranks)s::bigint';
CREATE FUNCTION pg_temp.staff() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 2 + %(restaurants)s::bigint * %(ranks)s';
CREATE FUNCTION pg_temp.today() RETURNS date LANGUAGE sql IMMUTABLE AS $$SELECT date '%(today)s'$$;
-- Every eleventh id is a gap, as of a registration that failed.
CREATE FUNCTION pg_temp.customer_id(i bigint) RETURNS int LANGUAGE sql IMMUTABLE AS
    'SELECT (pg_temp.staff() + i + (i - 1) / 10)::int';
-- Ids 1 and 2 run the platform; then the owners of all restaurants, the managers, and the waiters, rank by rank.
CREATE FUNCTION pg_temp.staff_id(restaurant bigint, rank bigint) RETURNS int LANGUAGE sql IMMUTABLE AS
    'SELECT (2 + restaurant + rank * pg_temp.restaurants())::int';
-- Raw bcrypt of 'demo-staff-1'.
CREATE FUNCTION pg_temp.staff_password(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT (ARRAY[
    '$2b$10$WLWwbFtUIX35/GSTrn0K6eDRRYJFF49l0AeIpAS0W9dCtQBca8WSW',
    '$2b$10$xWHMm8y4zQP9K04V7OKjle2WfGmxtCymhujtSGVhm1dRU.g0xiTdW',
    '$2a$10$tF8rZ9R/oFeH7drpLR2xTebLj0.dj8lg2pehwgGOZVnPldgEXeQnC'])[1 + pg_temp.pick(i, 1, 3)]$$;
-- Raw bcrypt of 'demo-customer-1'.
CREATE FUNCTION pg_temp.customer_password(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT (ARRAY[
    '$2b$10$nQRm0UO3DVH8G3lI6dp5gOGRY.qBP4.StsnqHTtsfXIW41iaAx1.6',
    '$2b$10$7U9hXNpa/HLdP92ohSNuqOMuE7VXr8E9E9ru1TWKNRmIshVqAwxWK',
    '$2b$10$.XCT18dXzXIKUYtez0oE8.DfWUDoxyftiNRl1eX.rdNKQvi60xof2',
    '$2a$10$zjIgvASxaeix3x4Ey5Hr2eTRc5uwBqMP3WDV1FLH8/l3Tw1EnxiIi',
    '$2a$10$HrxKa0ynNnGuvYfDwAHF6ePf/ElYtrifzGwgYt/efThPnwdaUqu5K'])[1 + pg_temp.pick(i, 2, 5)]$$;
-- Numbers that the numbering plans of five countries keep for fiction.
CREATE FUNCTION pg_temp.phone(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT CASE pg_temp.pick(i, 3, 6)
    WHEN 0 THEN '+1 ' || 201 + pg_temp.pick(i, 4, 700) || '-555-01' || lpad(pg_temp.pick(i, 5, 100)::text, 2, '0')
    WHEN 1 THEN '+44 20 7946 0' || lpad(pg_temp.pick(i, 4, 1000)::text, 3, '0')
    WHEN 2 THEN '+49 30 23125 ' || lpad(pg_temp.pick(i, 4, 1000)::text, 3, '0')
    WHEN 3 THEN '+33 1 99 00 ' || lpad(pg_temp.pick(i, 4, 100)::text, 2, '0') || ' '
                || lpad(pg_temp.pick(i, 5, 100)::text, 2, '0')
    WHEN 4 THEN '+61 2 5550 ' || lpad(pg_temp.pick(i, 4, 10000)::text, 4, '0')
    END$$;

-- name: persons
-- Invented names of fourteen cultures, each first name with each last name, numbered, with the part an email uses.
CREATE TEMP TABLE sample_persons AS
WITH cultures (culture, first_names, last_names, first_latin, last_latin) AS (VALUES
    (1, 'Emma Oliver Grace Henry Alice James Ruby Thomas Nora Arthur',
        'Whitfield Barlow Hartley Marsh Pemberton Ashdown Fairfax Lockwood Thornbury O''Connell', NULL, NULL),
    (2, 'Lena Jonas Mia Felix Johanna Lukas Käthe Moritz Greta Jürgen',
        'Brandt Lindner Vogelsang Schäfer Möller Krüger Weißbach Hoffmann Steinbrück Auerbach', NULL, NULL),
    (3, 'Chloé Hugo Amélie Étienne Camille Théo Inès Baptiste Margaux Gaël',
        'Lefèvre Moreau Delacourt Besançon Fontaine Girard Chevallier Rousselle Dubreuil Lacroix', NULL, NULL),
    (4, 'Lucía Mateo Sofía Álvaro Carmen Diego Begoña Íñigo Valentina Joaquín',
        'Iglesias Ordóñez Santamaría Peñalver Quintana Ríos Escobar Villanueva Zubiría Cárdenas', NULL, NULL),
    (5, 'Giulia Lorenzo Chiara Matteo Francesca Niccolò Alessia Tommaso Elisa Pietro',
        'Bellini Caruso Montefiore Ferrante Gallucci Santoro Marchetti Vitale Lombardo D''Angelo', NULL, NULL),
    (6, 'Zofia Jakub Małgorzata Stanisław Hanna Łukasz Agnieszka Paweł Ewa Wojciech',
        'Kowalczyk Wiśniewska Zieliński Dąbrowski Nowakowska Wójcik Szymański Jaworska Górski Świątek', NULL, NULL),
    (7, 'Elif Emre Zeynep Mehmet Ayşe Burak Defne Çağlar Gül Ömer',
        'Yıldırım Demirtaş Öztürk Kılıç Aksoy Şahin Erdoğmuş Çelik Tekin Karaca', NULL, NULL),
    (8, 'Astrid Lars Ingrid Søren Freja Magnus Åsa Björn Sigrid Øyvind',
        'Lindqvist Halvorsen Bergström Kjærgaard Nygård Sandvik Åkesson Thorsen Holmgren Dahl', NULL, NULL),
    (9, 'Beatriz Tiago Inês João Mariana Gonçalo Catarina Simão Leonor Duarte',
        'Figueiredo Gonçalves Magalhães Azevedo Carvalho Simões Brandão Teixeira Falcão Moutinho', NULL, NULL),
    (10, 'Adaeze Chinedu Folake Tunde Amara Kwame Ngozi Sipho Zanele Kofi',
        'Okonkwo Adebayo Mensah Dlamini Nwosu Boateng Mbeki Achebe Owusu Ndlovu', NULL, NULL),
    (11, 'Priya Arjun Ananya Rohan Meera Vikram Kavya Sanjay Leela Nikhil',
        'Raghavan Chatterjee Deshpande Iyer Malhotra Bhattacharya Kapoor Nair Srinivasan Joshi', NULL, NULL),
    (12, 'Анна Дмитрий Ольга Сергей Екатерина Алексей Наталья Михаил Вера Павел',
        'Соколенко Белых Черных Долгих Савченко Зимовец Ткаченко Лисенко Руденко Мельник',
        'anna dmitri olga sergei ekaterina alexei natalia mikhail vera pavel',
        'sokolenko belykh chernykh dolgikh savchenko zimovets tkachenko lysenko rudenko melnik'),
    (13, 'ليلى يوسف مريم خالد نور سامي هالة طارق سلمى كريم',
        'الحداد النجار منصور الخطيب درويش الصباغ حمدان الشامي بركات العطار',
        'layla youssef maryam khaled nour sami hala tarek salma karim',
        'alhaddad alnajjar mansour alkhatib darwish alsabbagh hamdan alshami barakat alattar'),
    (14, '美咲 大輝 陽菜 蓮 結衣 悠斗 葵 健太 さくら 直樹',
        '高橋 渡辺 小川 藤原 中島 松本 石井 西村 岡田 森田',
        'misaki daiki hina ren yui yuto aoi kenta sakura naoki',
        'takahashi watanabe ogawa fujiwara nakajima matsumoto ishii nishimura okada morita')
), first_parts AS (
    SELECT culture, f.n, f.name, f.latin
    FROM cultures, unnest(string_to_array(first_names, ' '), string_to_array(first_latin, ' '))
         WITH ORDINALITY AS f (name, latin, n)
), last_parts AS (
    SELECT culture, l.n, l.name, l.latin
    FROM cultures, unnest(string_to_array(last_names, ' '), string_to_array(last_latin, ' '))
         WITH ORDINALITY AS l (name, latin, n)
)
SELECT row_number() OVER (ORDER BY culture, f.n, l.n) - 1 AS n,
       f.name || ' ' || l.name AS name,
       translate(lower(coalesce(f.latin, f.name) || '.' || coalesce(l.latin, l.name)),
                 'äáàâãåąćčçéèêëęíìîïığłńñóòôöõøśşšßúùûüźżýÉÁÍØÅŁŚŞÇÖ''',
                 'aaaaaaaccceeeeeiiiiiglnnoooooosssuuuuzzyeaioalsscos') AS slug
FROM first_parts f JOIN last_parts l USING (culture);
ANALYZE sample_persons;

-- name: findings
-- What the migration must find, noted by whatever puts it there: one row for each.
CREATE TEMP TABLE sample_findings (kind text NOT NULL);

-- name: restaurants
-- Twelve restaurants with names, and as many more as the size asks for.
INSERT INTO restaurants (id, name, slug, description, cuisine, address, city, state, zip_code, country, phone, email,
                         website, logo_url, opening_hours, created_at, updated_at)
WITH named (n, name, slug, cuisine, city, state, country, address, zip_code, description) AS (VALUES
    (1, 'Casa Lucía', 'casa-lucia', 'Spanish', 'Seville', 'Andalusia', 'Spain', 'Calle de los Naranjos 14', '41004',
        'Small plates under the orange trees, sherry from the barrel.'),
    (2, 'The Copper Kettle', 'copper-kettle', 'British', 'Bristol', NULL, 'United Kingdom', '3 Quayside Row', 'BS1 4QA',
        'Pies, Sunday roasts and a garden by the harbour.'),
    (3, 'Trattoria Belvedere', 'trattoria-belvedere', 'Italian', 'Turin', 'Piedmont', 'Italy', 'Via delle Rondini 27',
        '10121', 'Fresh pasta every morning, the hills through every window.'),
    (4, 'Zum Alten Mühlrad', 'zum-alten-muehlrad', 'German', 'Freiburg', 'Baden-Württemberg', 'Germany',
        'Mühlengasse 8', '79098', 'A mill since 1712, a kitchen since 1984.'),
    (5, 'Bistrot des Lilas', 'bistrot-des-lilas', 'French', 'Lyon', NULL, 'France', '41 rue des Tisserands', '69004',
        'A short menu on a slate, changed with the market.'),
    (6, 'Sakura Lane', 'sakura-lane', 'Japanese', 'Portland', 'Oregon', 'United States', '218 NE Alder Street', '97214',
        'Charcoal, rice and seasonal fish at a counter of fourteen seats.'),
    (7, 'Meyhane Defne', 'meyhane-defne', 'Turkish', 'Berlin', NULL, 'Germany', 'Lindenufer 52', '10999',
        'Cold meze, hot meze, and music on Thursdays.'),
    (8, 'Spice & Cedar', 'spice-and-cedar', 'Indian', 'Leeds', NULL, 'United Kingdom', '77 Millgarth Street', 'LS2 7AB',
        'Home cooking from Kerala to Kolkata.'),
    (9, 'Fjordgata 9', 'fjordgata-9', 'Nordic', 'Bergen', NULL, 'Norway', 'Fjordgata 9', '5003',
        'Fish from the quay opposite, bread from our own oven.'),
    (10, 'La Petite Ourse', 'la-petite-ourse', 'French', 'Montréal', 'Québec', 'Canada', '1210 avenue des Érables',
        'H2R 1B4', 'Natural wine, smoked trout, and a stove that never goes out.'),
    (11, 'Taverna Ilios', 'taverna-ilios', 'Greek', 'Melbourne', 'Victoria', 'Australia', '65 Lonsdale Arcade', '3000',
        'Grilled octopus, lemon potatoes and long tables.'),
    (12, 'Mango & Smoke', 'mango-and-smoke', 'Caribbean', 'Toronto', 'Ontario', 'Canada', '9 Kensington Yard', 'M5T 2K1',
        'Jerk from the drum, rum from the islands.')
), more AS (
    SELECT n, adjective || ' ' || noun AS name, lower(adjective || '-' || noun) AS slug,
           (ARRAY['Italian', 'French', 'Modern European', 'Seafood', 'Vegetarian'])[1 + n % 5] AS cuisine,
           (ARRAY['Lisbon', 'Ghent', 'Kraków', 'Cork', 'Graz', 'Aarhus', 'Porto'])[1 + n % 7] AS city,
           (ARRAY['Portugal', 'Belgium', 'Poland', 'Ireland', 'Austria', 'Denmark', 'Portugal'])[1 + n % 7] AS country,
           'Market Street ' || n AS address, lpad((1000 + 37 * n)::text, 5, '0') AS zip_code
    FROM generate_series(13, pg_temp.restaurants()) n,
         LATERAL (SELECT (ARRAY['Golden', 'Quiet', 'Wild', 'Old', 'Blue', 'Little', 'Salt', 'Northern'])[1 + n % 8],
                         (ARRAY['Heron', 'Orchard', 'Lantern', 'Anchor', 'Fig', 'Harvest'])[1 + (n / 8) % 6])
                 AS words (adjective, noun)
), everyone AS (
    SELECT n, name, slug, cuisine, city, state, country, address, zip_code, description FROM named
    WHERE n <= pg_temp.restaurants()
    UNION ALL
    SELECT n, name, slug, cuisine, city, NULL, country, address, zip_code, NULL FROM more
)
SELECT n, name, slug, description, cuisine, address, city, state, zip_code, country, pg_temp.phone(-n),
       'hello@' || slug || '.example', 'https://' || slug || '.example',
       CASE WHEN n % 3 > 0 THEN 'https://' || slug || '.example/logo.png' END,
       CASE WHEN n % 5 > 0 THEN jsonb_build_object(
           'monday', NULL, 'tuesday', hours, 'wednesday', hours, 'thursday', hours, 'friday', late, 'saturday', late,
           'sunday', CASE WHEN n % 2 = 0 THEN hours END) END,
       pg_temp.today() - 1100 - n * interval '3 days', pg_temp.today() - 30 - n * interval '1 hour'
FROM everyone,
     LATERAL (SELECT '{"open": "12:00", "close": "22:00"}'::jsonb, '{"open": "12:00", "close": "23:30"}'::jsonb)
             AS times (hours, late)
ORDER BY n;

-- name: staff
-- The platform's two, then each restaurant's owner, manager and waiters; their links. Three of them marked as customers.
INSERT INTO users (id, email, name, password, role, is_customer, phone, created_at, updated_at)
SELECT i, 'superadmin@platform.example', 'Rosalind Achterberg', pg_temp.staff_password(i), 'SUPERADMIN'::"UserRole",
       false, '+44 20 7946 0001', pg_temp.today() - interval '1200 days', pg_temp.today() - interval '20 days'
FROM generate_series(1, 1) i
UNION ALL
SELECT i, 'admin@platform.example', 'Tobias Renfrew', pg_temp.staff_password(i), 'ADMIN', false,
       '+44 20 7946 0002', pg_temp.today() - interval '1180 days', pg_temp.today() - interval '12 days'
FROM generate_series(2, 2) i;

INSERT INTO users (id, email, name, password, role, is_customer, phone, created_at, updated_at)
SELECT i, CASE rank WHEN 0 THEN 'owner' WHEN 1 THEN 'manager' ELSE 'waiter' || rank - 1 END || '@' || r.slug || '.example',
       p.name, pg_temp.staff_password(i), 'USER',
       (restaurant, rank) IN ((1, 1), (2, 1), (3, 0)), pg_temp.phone(-1000 - i), joined,
       joined + interval '1 day' * pg_temp.pick(i, 11, 90)
FROM generate_series(3, pg_temp.staff()) i
     CROSS JOIN LATERAL (SELECT (i - 3) % pg_temp.restaurants() + 1, (i - 3) / pg_temp.restaurants(),
                     pg_temp.today() - 1000 + pg_temp.pick(i, 12, 250)::int + interval '1 second' * pg_temp.pick(i, 13, 36000)
             ) AS place (restaurant, rank, joined)
     JOIN restaurants r ON r.id = restaurant
     JOIN sample_persons p ON p.n = pg_temp.pick(i, 14, 1400)
ORDER BY i;

INSERT INTO restaurant_staff (id, user_id, restaurant_id, role, is_active, created_at, updated_at)
SELECT u.id - 2, u.id, (u.id - 3) % pg_temp.restaurants() + 1,
       CASE WHEN rank = 0 THEN 'OWNER' WHEN rank % 10 = 1 THEN 'MANAGER' ELSE 'STAFF' END::"StaffRole",
       rank < 4 OR pg_temp.pick(u.id, 15, 10) > 0, u.created_at, u.updated_at
FROM users u, LATERAL (SELECT (u.id - 3) / pg_temp.restaurants()) AS place (rank)
WHERE u.id > 2
ORDER BY u.id;

INSERT INTO restaurant_staff (id, user_id, restaurant_id, role, created_at, updated_at)
SELECT pg_temp.staff() - 2 + n, 2, n, 'MANAGER', pg_temp.today() - interval '900 days', pg_temp.today() - interval '900 days'
FROM generate_series(1, 2) n;

INSERT INTO sample_findings
SELECT 'staff_marked_as_customer' FROM users WHERE is_customer;

-- name: customers
-- The customers, of whom a few have an email or a password that somebody has to look at.
INSERT INTO users (id, email, name, password, role, is_customer, phone, created_at, updated_at)
SELECT pg_temp.customer_id(i),
       CASE WHEN i IN (4, 8) THEN initcap(e.email) WHEN i = 9 THEN replace(e.email, '@', ' at ') ELSE e.email END,
       p.name,
       CASE i WHEN 5 THEN '' WHEN 6 THEN md5('demo-customer-1') ELSE pg_temp.customer_password(i) END,
       'USER', true, pg_temp.phone(i), joined,
       least(joined + interval '1 hour' * pg_temp.pick(i, 21, 9000), pg_temp.today())
FROM generate_series(1, pg_temp.customers()) i
     -- The fourth and the eighth registered again, with capitals: the same person as the one before.
     CROSS JOIN LATERAL (SELECT i - (i IN (4, 8))::int) AS same (person)
     CROSS JOIN LATERAL (
         SELECT pg_temp.today() - 731 - pg_temp.pick(i, 22, 20)::int
                + ((4 * i - pg_temp.customers()) * 730 / (3 * pg_temp.customers()))::int
                + interval '1 millisecond' * pg_temp.pick(i, 23, 86400000)) AS day (joined)
     JOIN sample_persons p ON p.n = pg_temp.pick(same.person, 24, 1400)
     CROSS JOIN LATERAL (
         SELECT p.slug || same.person || '@example.' || (ARRAY['org', 'com', 'net'])[1 + pg_temp.pick(same.person, 25, 3)]
         ) AS e (email)
ORDER BY i;

INSERT INTO sample_findings
SELECT kind
FROM (VALUES (4, 'duplicate_email'), (4, 'duplicate_email'), (8, 'duplicate_email'), (8, 'duplicate_email'),
             (5, 'needs_password_reset'), (6, 'needs_password_reset'), (9, 'invalid_email')) AS odd (i, kind)
WHERE i <= pg_temp.customers();
ANALYZE users;
