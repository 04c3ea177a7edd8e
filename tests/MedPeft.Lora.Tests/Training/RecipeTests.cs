using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;

namespace MedPeft.Lora.Tests.Training;

public class RecipeTests
{
    // The table "Recommended LoRA fine-tuning hyperparameters" of the published code, row by row.
    [Theory]
    [InlineData("MRM", "NIH", .01, .05, 100, 4)]
    [InlineData("MRM", "NIH", .1, .05, 100, 8)]
    [InlineData("MRM", "NIH", 1, .2, 100, 32)]
    [InlineData("MRM", "CheXpert", .01, .02, 100, 4)]
    [InlineData("MRM", "CheXpert", .1, .05, 100, 16)]
    [InlineData("MRM", "CheXpert", 1, .01, 100, 32)]
    [InlineData("MRM", "RSNA", .01, .01, 100, 4)]
    [InlineData("MRM", "RSNA", .1, .01, 100, 32)]
    [InlineData("MRM", "RSNA", 1, .01, 100, 32)]
    [InlineData("CXR-MAE", "NIH", .01, 3e-3 / 4, 400, 4)]
    [InlineData("CXR-MAE", "NIH", .1, 1e-3 / 4, 200, 8)]
    [InlineData("CXR-MAE", "NIH", 1, 3e-3 / 4, 100, 32)]
    [InlineData("CXR-MAE", "CheXpert", .01, 3e-3 / 4, 400, 4)]
    [InlineData("CXR-MAE", "CheXpert", .1, 5e-3 / 4, 100, 8)]
    [InlineData("CXR-MAE", "CheXpert", 1, 3e-3 / 4, 100, 32)]
    [InlineData("CXR-MAE", "RSNA", .01, 3e-3 / 4, 100, 4)]
    [InlineData("CXR-MAE", "RSNA", .1, 5e-3 / 4, 100, 8)]
    [InlineData("CXR-MAE", "RSNA", 1, 5e-3 / 4, 100, 32)]
    public void Every_published_adapter_run_has_its_numbers(string backbone, string dataset, double fraction, double rate, int epochs, int rank)
    {
        var recipe = Recipe.MedPeft(backbone, dataset, fraction);
        var sgd = backbone == "MRM";

        Assert.Equal(rate, recipe.Options.LearningRate, 12);
        Assert.Equal((epochs, 64, 5.0, 1e-6), (recipe.Options.Epochs, recipe.Options.BatchSize, recipe.Options.WarmupEpochs, recipe.Options.MinLearningRate));
        Assert.Equal(sgd ? OptimizerKind.Sgd : OptimizerKind.AdamW, recipe.Options.Optimizer);
        Assert.Equal(sgd ? 0 : .05, recipe.Options.WeightDecay);
        Assert.Equal((rank, 32.0, .1, .1), (recipe.Lora!.Rank, recipe.Lora.Alpha, recipe.Lora.Dropout, recipe.DropPath));
        Assert.Equal(sgd ? Normalization.Mrm : Normalization.CxrMae, recipe.Options.TrainPipeline!.Normalization);
        Assert.Equal(recipe.Options.LearningRate, TrainingOptions.MedPeft(backbone, dataset, fraction).LearningRate);
        Assert.Equal(FineTuningMethod.Lora, recipe.Method);
    }

    [Fact]
    public void The_rate_falls_along_the_published_schedule()
    {
        // lr·t/5, then 1e-6 + (lr − 1e-6)·(1 + cos(π·(t − 5)/(400 − 5)))/2, of lr = 3e-3·64/256.
        var options = TrainingOptions.MedPeft("CXR-MAE", "NIH", .01);
        double Rate(double epoch) => LearningRate.WarmupCosine(epoch, options.Epochs, options.WarmupEpochs, options.LearningRate, options.MinLearningRate);

        Assert.Equal(0, Rate(0));
        Assert.Equal(4.5e-4, Rate(3), 12);
        Assert.Equal(7.5e-4, Rate(5), 12);
        Assert.Equal(3.755e-4, Rate(202.5), 12);
        Assert.Equal(1e-6 + 7.49e-4 * .5 * (1 + Math.Sqrt(.5)), Rate(5 + 395 / 4.0), 12);
        Assert.Equal(1e-6, Rate(400), 12);
    }

    [Fact]
    public void Defects_are_left_out_unless_asked_for()
    {
        var fixedRun = Recipe.MedPeft(FoundationBackbone.CxrMae, BenchmarkDataset.Rsna, .01);
        var paper = Recipe.ReproducePaper(FoundationBackbone.CxrMae, BenchmarkDataset.Rsna, .01);

        Assert.Equal((1.0, false, false), (fixedRun.Options.LayerDecay, fixedRun.Options.DecayAdapters, fixedRun.Options.DropLast));
        Assert.Equal((.65, true, true), (paper.Options.LayerDecay, paper.Options.DecayAdapters, paper.Options.DropLast));
        Assert.Equal(ReferenceDefects.None, fixedRun.Options.Defects);
        Assert.Equal(ReferenceDefects.ReproducePaper, paper.Options.Defects);
        Assert.Equal(DicomWindowing.File, fixedRun.Dicom.Windowing);
        Assert.Equal(DicomWindowing.MedPeftRsna, paper.Dicom.Windowing);
        Assert.DoesNotContain("(122, 0, 0)", fixedRun.Options.TrainPipeline!.ToString());
        Assert.Contains("(122, 0, 0)", paper.Options.TrainPipeline!.ToString());
        Assert.Equal(ReferenceDefects.ReproducePaper, Enum.GetValues<ReferenceDefects>().Aggregate((all, one) => all | one));
    }

    [Fact]
    public void The_two_published_scripts_of_full_fine_tuning_are_there()
    {
        var mrm = Recipe.MedPeft("mrm", "nih", .01, FineTuningMethod.Full);
        var cxrMae = Recipe.MedPeft("CXR_MAE", "NIH", .01, FineTuningMethod.Full);

        Assert.Null(mrm.Lora);
        Assert.Equal((OptimizerKind.Sgd, .01, 200, 1.0), (mrm.Options.Optimizer, mrm.Options.LearningRate, mrm.Options.Epochs, mrm.Options.LayerDecay));
        Assert.Equal((OptimizerKind.AdamW, 400, .65), (cxrMae.Options.Optimizer, cxrMae.Options.Epochs, cxrMae.Options.LayerDecay));
        Assert.Equal(5e-4 / 4, cxrMae.Options.LearningRate, 12);
    }

    [Fact]
    public void What_is_not_published_is_an_error_that_says_so()
    {
        string Message(Action call) => Assert.Throws<ArgumentException>(call).Message;

        Assert.Equal("The paper has no foundation model 'DINO'. Choose MRM or CXR-MAE. (Parameter 'backbone')", Message(() => TrainingOptions.MedPeft("DINO", "NIH", .01)));
        Assert.Equal("The paper has no data set 'MIMIC'. Choose NIH, CheXpert or RSNA. (Parameter 'dataset')", Message(() => TrainingOptions.MedPeft("MRM", "MIMIC", .01)));
        Assert.Equal(
            "The paper has no runs on a share of 0.5 of the training images. Choose 0.01, 0.1 or 1. (Parameter 'fraction')", Message(() => TrainingOptions.MedPeft("MRM", "NIH", .5)));
        Assert.Equal(
            "Full fine-tuning of MRM on CheXpert with 10 %: its hyper-parameters are not published. Published are MRM and CXR-MAE on NIH with 1 %; start from one of them and search the learning rate on validation. (Parameter 'method')",
            Message(() => Recipe.MedPeft("MRM", "CheXpert", .1, FineTuningMethod.Full)));
    }

    [Fact]
    public void A_recipe_prints_itself() =>
        Assert.Equal("CXR-MAE on CheXpert with 10 %, LoRA rank 8: AdamW, 100 epochs, learning rate 0.00125", Recipe.MedPeft("CXR-MAE", "CheXpert", .1).ToString());

    [Fact]
    public void Masked_autoencoders_have_the_published_recipe()
    {
        var options = TrainingOptions.Mae();

        Assert.Equal((800, 4096, 40.0, .95, .05, 0.0), (options.Epochs, options.BatchSize, options.WarmupEpochs, options.Beta2, options.WeightDecay, options.MinLearningRate));
        Assert.Equal(2.4e-3, options.LearningRate, 12);
        Assert.Equal(1.5e-4, TrainingOptions.Mae(batchSize: 256).LearningRate, 12);
    }
}
