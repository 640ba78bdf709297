SET LOCAL ROLE changegate_owner;

-- In whose books a command posts, and on which day.
ALTER TABLE command ADD COLUMN entity text CHECK (entity <> '');
ALTER TABLE command ADD COLUMN effective_date date;
ALTER TABLE command ADD CONSTRAINT posts_in_books_on_a_day CHECK ((entity IS NULL) = (effective_date IS NULL));
RESET ROLE;
