"""A web application says once who asks, and its flags and the gates of rollouts know it at each request."""
