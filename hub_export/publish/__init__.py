"""What TensorFlow Hub and Kaggle Models show beside a model."""
