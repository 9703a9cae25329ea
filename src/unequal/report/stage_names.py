"""The names of the recipe's stages and files in its folder OUTPUT."""

SOFTMAX = "1-softmax"
SAVEMODEL = "2.1-savemodel"
NOISE_RESISTANCE = "2.2-noise_resistance"
DENOISE = "3.1-denoise"
AGAIN = "1-softmax-again"
UNEQUAL = "3.2-unequal-"  # and the weight
EVALUATION = "evaluation"
DENOISED, FINAL = "head_denoised", "final"
SCORES = f"{NOISE_RESISTANCE}/0_noise_scores.csv"  # how sure step 2.2 was of every image
NOISE_LIST = f"{DENOISE}/noiselist.txt"  # the images that are left out
RECORD, FIGURES, REPORT = "recipe.json", "evaluation.json", "report.html"
