"""Side by side: settings tried beside each other, two states, and two directions of view."""
