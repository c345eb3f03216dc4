<?php
// A page as of a weblog: it counts its visits in the database, and says which task made it.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
try {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 3);
    $db->real_connect(getenv('DB_HOST'), getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'));
    $db->query('CREATE TABLE IF NOT EXISTS visits (number INT AUTO_INCREMENT PRIMARY KEY, task VARCHAR(64))');
    $visit = $db->prepare('INSERT INTO visits (task) VALUES (?)');
    $visit->execute([gethostname()]);
    $count = $db->query('SELECT COUNT(*) FROM visits')->fetch_row()[0];
    echo "visit $count, served by " . gethostname() . "\n";
} catch (mysqli_sql_exception $error) {
    http_response_code(500);
    echo 'Error establishing a database connection: ' . $error->getMessage() . "\n";
}
