"""Where experts come from: PQN for Atari games, SAC for MuJoCo tasks, and their cards."""
