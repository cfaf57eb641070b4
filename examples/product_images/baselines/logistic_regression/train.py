"""Logistic regression on the pixels, as scikit-learn has it. Runs alone too: python train.py"""

import jinsu
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

# After a hundred iterations scikit-learn may say that it has not converged; the score changes no more.
params = jinsu.params(strength=0.1, iterations=100)
columns = jinsu.dataset(alone="/tmp/product_images.parquet")
images = columns["image"].astype(np.float32)  # 784 a row
model = make_pipeline(MinMaxScaler(), LogisticRegression(C=params.strength, max_iter=params.iterations))
model.fit(images, columns["label"])
jinsu.save(model, example=images[:64])
