using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Tests.Data;

namespace MedPeft.Lora.Tests.Prediction;

public class PredictionSettingsTests
{
    [Fact]
    public void Settings_come_back_as_they_were_saved()
    {
        using var folder = new TempFolder();
        var settings = new PredictionSettings
        {
            Labels = ["Übelkeit", "B"], ImageSize = 32, Resize = 36, Channels = 1, Normalization = Normalization.CxrMae, Temperature = 1.1,
            Thresholds = new Dictionary<string, double> { ["B"] = .1 },
        };

        settings.Save(folder.Path);
        var read = PredictionSettings.Load(folder.Path);

        Assert.Equal(settings.Labels, read.Labels);
        Assert.Equal((32, 36, 1, Normalization.CxrMae, 1.1), (read.ImageSize, read.Resize, read.Channels, read.Normalization, read.Temperature));
        Assert.Equal(settings.Thresholds, read.Thresholds);
        Assert.Equal($"{new Resize(36)} -> {new CenterCrop(32)} -> {new Grayscale()} -> {Normalization.CxrMae}", read.Pipeline().ToString());
    }

    [Fact]
    public void A_threshold_that_nothing_reaches_survives_the_file()
    {
        using var folder = new TempFolder();
        (TinyModels.Settings with { Thresholds = new Dictionary<string, double> { ["Mass"] = double.PositiveInfinity } }).Save(folder.Path);

        Assert.True(PredictionSettings.Load(folder.Path).Thresholds["Mass"] > 1);
    }

    [Theory]
    [InlineData("{", "does not hold the settings of a predictor")]
    [InlineData("{}", "does not hold the settings of a predictor")]
    [InlineData("[]", "does not hold the settings of a predictor")]
    [InlineData("{\"labels\":[]}", "Labels is empty; name each output of the model.")]
    [InlineData("{\"labels\":[null]}", "Labels has an empty name; name each output of the model.")]
    [InlineData("{\"labels\":[\"A\",\"A\"]}", "The label 'A' is named twice; give each output a name of its own.")]
    [InlineData("{\"labels\":[\"A\"],\"temperature\":0}", "Temperature must be a positive number.")]
    [InlineData("{\"labels\":[\"A\"],\"thresholds\":{\"B\":0.5}}", "There is a threshold for 'B', which is none of the labels: A.")]
    [InlineData("{\"labels\":[\"A\"],\"image_size\":32,\"resize\":16}", "Resize is 16 and ImageSize 32: the square would be larger than the image it is cut from. Give Resize 32 or more.")]
    [InlineData("{\"labels\":[\"A\"],\"std\":0}", "the standard deviation must be above 0")]
    [InlineData("{\"labels\":[\"A\"],\"channels\":2}", "A network takes 1 channel (gray) or 3 (RGB).")]
    public void A_file_of_something_else_is_refused(string text, string problem)
    {
        using var folder = new TempFolder();
        folder.Write(PredictionSettings.FileName, text);

        Assert.Contains(problem, Assert.Throws<CheckpointException>(() => PredictionSettings.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_settings_is_named()
    {
        using var folder = new TempFolder();

        Assert.EndsWith(
            "cannot be read: there is no such file or folder. PredictionSettings.Save writes it.",
            Assert.Throws<CheckpointException>(() => PredictionSettings.Load(folder.Path)).Message, StringComparison.Ordinal);
    }
}
