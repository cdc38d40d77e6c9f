"""Files from the Hugging Face Hub and Kaggle Models, by the clients of both."""
