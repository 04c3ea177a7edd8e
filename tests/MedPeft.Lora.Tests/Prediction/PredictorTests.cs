using MedPeft.Lora.Checkpoints;
using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Prediction;
using MedPeft.Lora.Tests.Data;
using MedPeft.Lora.Tests.Imaging;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Prediction;

public class PredictorTests
{
    [Fact]
    public void A_probability_is_the_sigmoid_of_what_the_model_says_of_the_prepared_image()
    {
        using var model = TinyModels.Make();
        using var predictor = new Predictor(model, TinyModels.Settings with { Temperature = 2, Thresholds = new Dictionary<string, double> { ["Mass"] = 0, ["Effusion"] = 1 } });
        var pixels = TinyModels.Pixels(1);
        var values = new float[3 * 16 * 16];
        var random = SampleRandom.For(0, 0, 0);
        ImagePipeline.Evaluate(16, Normalization.Mrm).Run(pixels, ref random, values);
        using Tensor image = tensor(values, [1, 3, 16, 16]), logits = model.call(image);

        var row = predictor.Predict(ImageInput.FromPixels(pixels, "a"));

        Assert.Equal(logits.data<float>().ToArray(), row.Logits);
        for (var k = 0; k < 3; k++) Assert.Equal(1 / (1 + Math.Exp(-row.Logits[k] / 2)), row.Probabilities[k], 6);
        Assert.Equal([false, true, null], row.Called);
        Assert.Null(row.Problem);
        Assert.All(model.parameters(), parameter => Assert.False(parameter.requires_grad));
    }

    [Fact]
    public void A_folder_gives_a_row_an_image_in_the_order_of_the_names_and_no_path_from_the_root()
    {
        using var folder = new TempFolder();
        folder.Image("b/2.png", seed: 2);
        folder.Image("a.PNG", seed: 1);
        folder.Image("b/10.png", seed: 3);
        folder.Write("notes.txt", "no image");
        folder.Write("b/broken.png", "no image");
        folder.Write("1234", "no DICOM file");
        using var predictor = Make(batch: 2);

        var rows = predictor.PredictFolder(folder.Path).ToList();

        Assert.Equal(["a.PNG", "b/10.png", "b/2.png", "b/broken.png"], rows.Select(row => row.Name));
        Assert.All(rows.Take(3), row => Assert.Equal(3, row.Probabilities.Count));
        Assert.NotNull(rows[3].Problem);
        Assert.DoesNotContain(folder.Path, rows[3].Problem, StringComparison.Ordinal);
        Assert.Empty(rows[3].Probabilities);
        Assert.Equal(["a.PNG"], ImageInput.FromFolder(folder.Path, recursive: false).Select(input => input.Name));
        Close(predictor.Predict(folder.In("b/2.png")), rows[2]);
        Assert.Equal("2.png", predictor.Predict(folder.In("b/2.png")).Name);
    }

    [Fact]
    public void Links_to_folders_are_not_followed_and_links_to_files_are()
    {
        if (OperatingSystem.IsWindows()) return; // links need a privilege there
        using var folder = new TempFolder();
        folder.Image("a/1.png");
        File.CreateSymbolicLink(folder.In("a/2.png"), folder.In("a/1.png"));
        Directory.CreateSymbolicLink(folder.In("a/up"), folder.Path);

        Assert.Equal(["a/1.png", "a/2.png"], ImageInput.FromFolder(folder.Path).Select(input => input.Name));
    }

    [Fact]
    public void Lists_streams_and_single_images_agree_for_any_batch_size_and_number_of_threads()
    {
        var inputs = Inputs(40);
        using var alone = Make(batch: 1, threads: 1);
        var expected = inputs.Select(alone.Predict).ToList();

        foreach (var (batch, threads) in ((int, int)[])[(1, 2), (3, 1), (7, 3)])
        {
            using var predictor = Make(batch, threads);
            var (list, stream) = (predictor.Predict(inputs).ToList(), predictor.Predict(inputs.Where(_ => true)).ToList());
            Assert.Equal(expected.Select(row => row.Name), list.Select(row => row.Name));
            foreach (var ((a, b), c) in expected.Zip(list).Zip(stream))
            {
                Close(a, b);
                Assert.Equal(b.Logits, c.Logits);
            }
        }
    }

    [Fact]
    public void A_stream_is_not_read_to_its_end_before_the_first_row()
    {
        using var predictor = Make(batch: 1);
        var read = 0;

        predictor.Predict(Endless()).Take(3).ToList().ForEach(row => Assert.Null(row.Problem));

        Assert.InRange(read, 3, 32);

        IEnumerable<ImageInput> Endless()
        {
            while (true) yield return ImageInput.FromPixels(TinyModels.Pixels(1), $"{++read}");
        }
    }

    [Fact]
    public async Task Images_that_arrive_one_by_one_are_answered_one_by_one()
    {
        using var predictor = Make(batch: 8);
        var asked = new SemaphoreSlim(1);
        var names = new List<string>();

        await foreach (var row in predictor.PredictAsync(Arriving(), CancellationToken.None))
        {
            names.Add(row.Name);
            asked.Release();
        }

        Assert.Equal(["0", "1", "2"], names);

        // Each image comes only after the answer to the one before: batching that waited for more would never end.
        async IAsyncEnumerable<ImageInput> Arriving()
        {
            for (var i = 0; i < 3; i++)
            {
                await asked.WaitAsync();
                yield return ImageInput.FromPixels(TinyModels.Pixels((ulong)i + 1), $"{i}");
            }
        }
    }

    [Fact]
    public async Task A_stream_may_be_left_while_its_next_image_is_awaited()
    {
        using var predictor = Make();
        var ended = false;

        await foreach (var row in predictor.PredictAsync(Silent()))
        {
            Assert.Equal("first", row.Name);
            break;
        }

        Assert.True(ended);

        async IAsyncEnumerable<ImageInput> Silent([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct = default)
        {
            try
            {
                yield return ImageInput.FromPixels(TinyModels.Pixels(1), "first");
                await Task.Delay(Timeout.Infinite, ct);
            }
            finally
            {
                ended = true;
            }
        }
    }

    [Fact]
    public async Task Four_threads_over_one_model_get_the_bits_that_one_gets()
    {
        var inputs = Inputs(12);
        using var predictor = Make(batch: 4, threads: 1);
        var expected = predictor.Predict(inputs).Select(row => row.Logits).ToList();
        var maps = inputs.Take(4).Select(input => predictor.Explain(input, HeatMapMethod.GradCam, "Mass").Map.Values).ToList();
        using var start = new Barrier(4);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                for (var round = 0; round < 5; round++)
                {
                    Assert.Equal(expected, predictor.Predict(inputs).Select(row => row.Logits));
                    Assert.Equal(maps[thread], predictor.Explain(inputs[thread], HeatMapMethod.GradCam, "Mass").Map.Values);
                    predictor.Explain(inputs[thread], HeatMapMethod.AttentionRollout);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }

    [Fact]
    public void Bad_images_stop_or_are_counted_as_the_policy_says()
    {
        ImageInput[] inputs = [.. Inputs(8), ImageInput.FromBytes([1, 2, 3], "bad 1"), .. Inputs(1), ImageInput.FromBytes([], "bad 2")];
        using VisionTransformer model = TinyModels.Make();
        Predictor With(OnBadImage policy) => new(model, TinyModels.Settings, new PredictorOptions { BatchSize = 4, OnBadImage = policy }, leaveOpen: true);

        using var strict = With(OnBadImage.Raise);
        using var some = With(OnBadImage.SkipAndRecord(.1));
        using var all = With(OnBadImage.SkipAndRecord(1));

        Assert.Equal("bad 1", Assert.Throws<ImageException>(() => strict.Predict(inputs).ToList()).File);
        Assert.Throws<ImageException>(() => strict.Predict(inputs[8]));
        Assert.StartsWith(
            "'bad 2' cannot be read, and 1 of 11 images were skipped before it: the limit of SkipAndRecord(0.1). Its own error: ",
            Assert.Throws<ImageException>(() => some.Predict(inputs).ToList()).Message);
        Assert.Equal([8, 10], all.Predict(inputs).Select((row, i) => (row, i)).Where(entry => entry.row.Problem is not null).Select(entry => entry.i));
        Assert.NotNull(all.Predict(inputs[10]).Problem);
        Assert.All(all.Predict([inputs[8], inputs[10]]), row => Assert.NotNull(row.Problem));
        Assert.Empty(all.Predict([]));
    }

    [Fact]
    public void An_adapter_is_merged_and_its_settings_lie_beside_it()
    {
        using var folder = new TempFolder();
        var path = folder.In("adapter");
        using var trained = TinyModels.Make();
        var lora = trained.InjectLora(new LoraConfig { Rank = 2, Alpha = 4, Targets = ["qkv"], Trainable = ["head"] });
        using (no_grad())
            foreach (var (_, parameter) in lora.TrainableParameters()) parameter.normal_(0, .3);
        trained.eval();
        lora.Save(path);
        TinyModels.Settings.Save(Directory.Exists(path) ? path : folder.Path);
        using var unmerged = new Predictor(trained, TinyModels.Settings, leaveOpen: true);
        var input = Inputs(1)[0];

        using var predictor = Predictor.Load(TinyModels.Make(), path);

        Assert.Equal(TinyModels.Labels, predictor.Labels);
        Close(unmerged.Predict(input), predictor.Predict(input));
        using var plain = new Predictor(TinyModels.Make(), TinyModels.Settings);
        Assert.NotEqual(plain.Predict(input).Logits[0], predictor.Predict(input).Logits[0], .01f);
        Assert.Equal(4, unmerged.Explain(input, HeatMapMethod.AttentionRollout).Map.Grid);
    }

    [Fact]
    public void Without_settings_beside_it_the_labels_are_the_adapters()
    {
        using var folder = new TempFolder();
        using var trained = TinyModels.Make();
        var lora = trained.InjectLora(new LoraConfig { Rank = 2, Targets = ["qkv"], Trainable = ["head"] });
        lora.Save(folder.In("nameless"));
        lora.Labels = TinyModels.Labels;
        lora.Save(folder.In("adapter"));

        using var predictor = Predictor.Load(TinyModels.Make(), folder.In("adapter"));

        Assert.Equal(TinyModels.Labels, predictor.Labels);
        Assert.Equal(16, predictor.Settings.ImageSize);
        using var model = TinyModels.Make();
        Assert.Contains("predictor.json", Assert.Throws<CheckpointException>(() => Predictor.Load(model, folder.In("nameless"))).Message, StringComparison.Ordinal);
        using var other = TinyModels.Make();
        Assert.Contains(
            "AllowOtherLabels", Assert.Throws<LoraException>(() => Predictor.Load(other, folder.In("adapter"), TinyModels.Settings with { Labels = ["a", "b", "c"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_predict_though_they_merge_into_nothing()
    {
        using var folder = new TempFolder();
        using var trained = TinyModels.Make();
        var lora = trained.InjectAdapter(new PromptConfig { Tokens = 3, Trainable = ["head"] });
        using (no_grad())
            foreach (var (_, parameter) in lora.TrainableParameters()) parameter.normal_(0, .3);
        trained.eval();
        lora.Labels = TinyModels.Labels;
        lora.Save(folder.In("adapter"));
        using var own = new Predictor(trained, TinyModels.Settings, leaveOpen: true);
        var input = Inputs(1)[0];

        using var predictor = Predictor.Load(TinyModels.Make(), folder.In("adapter"));

        Close(own.Predict(input), predictor.Predict(input));
        using var plain = new Predictor(TinyModels.Make(), TinyModels.Settings);
        Assert.NotEqual(plain.Predict(input).Logits[0], predictor.Predict(input).Logits[0], .01f);
    }

    [Fact]
    public void A_bfloat16_model_stays_one()
    {
        using var predictor = new Predictor(TinyModels.Make().to(ScalarType.BFloat16), TinyModels.Settings);
        var input = Inputs(1)[0];

        var row = predictor.Predict(input);

        Assert.All(row.Logits, logit => Assert.Equal(0u, BitConverter.SingleToUInt32Bits(logit) & 0xFFFF));
        Assert.Equal(16, predictor.Explain(input, HeatMapMethod.GradCam, "Mass").Map.Values.Count);
    }

    [Fact]
    public void An_explanation_lies_over_the_square_that_the_model_saw()
    {
        using var predictor = Make();

        var explanation = predictor.Explain(ImageInput.FromPixels(TinyModels.Pixels(4), "x"), HeatMapMethod.GradCam, "Mass");

        Assert.Equal((672, 672), (explanation.Radiograph.Width, explanation.Radiograph.Height));
        Assert.Equal(672, explanation.Draw().Height);
        Assert.Equal("Mass", explanation.Map.Label);
    }

    [Fact]
    public void A_data_set_is_scored_in_its_order_without_its_bad_images()
    {
        using var folder = new TempFolder();
        var records = Enumerable.Range(0, 5).Select(i => new ImageRecord
        {
            Path = i == 2 ? folder.Write("bad.png", "x") : folder.Image($"{i}.png", seed: (ulong)i + 1), Labels = [i % 2, 0, float.NaN],
        }).ToList();
        using var predictor = Make(batch: 2);

        var scored = predictor.Score(new ImageDataset("set", TinyModels.Labels, records));

        Assert.Equal((4, 12), (scored.Data.Count, scored.Logits.Length));
        Assert.Equal(2, Assert.Single(scored.Skipped).Index);
        Assert.Equal(records[3].Path, scored.Data[2].Path);
        Assert.Equal(predictor.Predict(records[3].Path).Logits[1], scored.Logits[7], 4);
        Assert.StartsWith(
            "The model scores Effusion, Mass, No, \"Finding\"; the data set has A. Open it with the same labels in the same order.",
            Assert.Throws<ArgumentException>(() => predictor.Score(new ImageDataset("set", ["A"], []))).Message);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using var model = TinyModels.Make();
        using var predictor = Make();
        using var linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2));
        using var other = new Predictor(linear, TinyModels.Settings, leaveOpen: true);

        Assert.Equal(
            "The model has 3 outputs and the settings name 1 labels; name each output once, in the order of the training set's labels.",
            Assert.Throws<ArgumentException>(() => new Predictor(model, TinyModels.Settings with { Labels = ["A"] })).Message);
        Assert.Equal(
            "The model takes 3x16x16 and the settings prepare 3x32x32. Give both the same ImageSize and Channels.",
            Assert.Throws<ArgumentException>(() => new Predictor(model, TinyModels.Settings with { ImageSize = 32 })).Message);
        Assert.Equal(
            "The model returned [1, 2] for 1 images; 3 labels need [1, 3]. Name each output of the model in Labels.",
            Assert.Throws<ArgumentException>(() => other.Predict(Inputs(1)[0])).Message);
        Assert.Equal(
            "Heat maps look into a VisionTransformer; this model is Sequential.",
            Assert.Throws<NotSupportedException>(() => other.Explain(Inputs(1)[0], HeatMapMethod.AttentionRollout)).Message);
        Assert.StartsWith(
            "There is no label 'Hernia'. Labels: Effusion, Mass, No, \"Finding\".",
            Assert.Throws<ArgumentException>(() => predictor.Explain(Inputs(1)[0], HeatMapMethod.GradCam, "Hernia")).Message);
        Assert.Throws<ImageException>(() => ImageInput.FromFolder("/no/such/folder"));
    }

    [Fact]
    public void Predicting_leaves_no_tensor_behind()
    {
        using var predictor = Make(threads: 1);
        var inputs = Inputs(6);
        _ = predictor.Predict(inputs).Count();
        DisposeScopeManager.Statistics.Reset();

        _ = predictor.Predict(inputs).Count();
        predictor.Predict(inputs[0]);

        // What the loader's threads make counts for them, and is freed here.
        Assert.InRange(DisposeScopeManager.Statistics.ThreadTotalLiveCount, long.MinValue, 0);
    }

    private static Predictor Make(int batch = 16, int threads = 0) => new(TinyModels.Make(), TinyModels.Settings, new PredictorOptions { BatchSize = batch, LoaderThreads = threads });

    private static ImageInput[] Inputs(int count) =>
        [.. Enumerable.Range(0, count).Select(i => ImageInput.FromBytes(TestImages.Png(TinyModels.Pixels((ulong)i + 1)), $"{i}.png"))];

    private static void Close(ImagePrediction expected, ImagePrediction actual)
    {
        Assert.Null(actual.Problem);
        for (var k = 0; k < expected.Logits.Count; k++) Assert.Equal(expected.Logits[k], actual.Logits[k], 4);
    }
}
