using System.Text.Json;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Tests.Data;

namespace MedPeft.Lora.Tests.Prediction;

public class PredictionFileTests
{
    private static readonly PredictionSettings Settings = TinyModels.Settings with { Thresholds = new Dictionary<string, double> { ["Mass"] = .5 }, Temperature = 2 };

    private static readonly ImagePrediction[] Rows =
    [
        new() { Name = "a/1.png", Logits = [0, 1, -1], Probabilities = [.5f, .6224593f, 1e-7f], Called = [null, true, null], Problem = null },
        ImagePrediction.Bad("b,\"2\".png", "is empty, of 0 bytes."),
    ];

    [Fact]
    public void A_table_has_a_row_an_image_and_quotes_what_needs_it()
    {
        using var folder = new TempFolder();
        var path = folder.In("p.csv");

        Assert.Equal(2, PredictionFile.WriteCsv(path, Settings, Rows));

        Assert.Equal(
            """"
            image,Effusion,Mass,"No, ""Finding""",Mass called,problem
            a/1.png,0.5,0.6224593,1E-07,1,
            "b,""2"".png",,,,,"is empty, of 0 bytes."

            """".ReplaceLineEndings("\n"),
            File.ReadAllText(path));
    }

    [Fact]
    public void Json_names_probabilities_calls_and_problems()
    {
        using var folder = new TempFolder();
        var path = folder.In("p.json");

        Assert.Equal(2, PredictionFile.WriteJson(path, Settings, Rows));

        using var json = JsonDocument.Parse(File.ReadAllText(path));
        var root = json.RootElement;
        Assert.Equal(2, root.GetProperty("temperature").GetDouble());
        Assert.Equal(.5, root.GetProperty("thresholds").GetProperty("Mass").GetDouble());
        var (good, bad) = (root.GetProperty("predictions")[0], root.GetProperty("predictions")[1]);
        Assert.Equal(.6224593f, good.GetProperty("probabilities").GetProperty("Mass").GetSingle());
        Assert.Equal("Mass", Assert.Single(good.GetProperty("called").EnumerateArray()).GetString());
        Assert.Equal("is empty, of 0 bytes.", bad.GetProperty("problem").GetString());
        Assert.False(bad.TryGetProperty("probabilities", out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Predictions_that_fail_on_the_way_leave_the_file_that_was_there(bool csv)
    {
        using var folder = new TempFolder();
        var path = folder.Write("p", "before");

        Assert.Throws<InvalidOperationException>(() => csv ? PredictionFile.WriteCsv(path, Settings, Failing()) : PredictionFile.WriteJson(path, Settings, Failing()));

        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));

        static IEnumerable<ImagePrediction> Failing()
        {
            yield return Rows[0];
            throw new InvalidOperationException("the model broke down");
        }
    }
}
