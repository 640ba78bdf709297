"""With what: each adapter answers ports and knows no other adapter."""
