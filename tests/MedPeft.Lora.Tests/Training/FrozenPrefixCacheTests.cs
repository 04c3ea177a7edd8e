using MedPeft.Lora.Data;
using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Training;

/// <summary>Runs that read what the frozen blocks give from a cache: 4 blocks, of which the last two are adapted.</summary>
public sealed class FrozenPrefixCacheTests : TinyRunTest
{
    private static readonly ViTConfig Four = TinyRun.Model with { Depth = 4, DropPath = 0 };

    private string Cache => Path.Combine(_folder, "cache");

    private TrainingOptions Plain { get; } = TinyRun.Options with { TrainPipeline = ImagePipeline.Evaluate(16, new Normalization(.5f, .25f)), Optimizer = OptimizerKind.AdamW, LearningRate = .01 };

    private TrainingOptions Cached => Plain with { FrozenPrefixCache = new(Cache) };

    [Fact]
    public void It_learns_what_it_would_learn_without_but_for_the_rounding_of_float32()
    {
        var (plain, cached) = (Fit(Plain), Fit(Cached));

        // The images go through the frozen blocks one at a time, so sums round elsewhere: 2⁻²⁴ of each number, carried through 12 steps.
        foreach (var (one, other) in plain.Result.Epochs.Zip(cached.Result.Epochs))
        {
            Assert.Equal(one.TrainingLoss, other.TrainingLoss, 1e-5);
            Assert.Equal(one.Auroc.Macro, other.Auroc.Macro, 1e-9);
        }

        foreach (var (name, values) in plain.State) Assert.True(values.allclose(cached.State[name], rtol: 1e-4, atol: 2e-5), name);
        // One pass for the shapes, two before the cache is opened, one an image, and of the epochs none but the validation's.
        Assert.Equal((1 + 4 * (3 + 1), 1 + 2 + 28 + 4), (plain.Passes, cached.Passes));
    }

    [Fact]
    public void The_blocks_that_train_keep_their_stochastic_depth_and_dropout()
    {
        var dropping = Four with { DropPath = .3 };
        var (first, again, none) = (Fit(Cached, dropping), Fit(Cached, dropping), Fit(Cached));

        Assert.Equal(first.Hash, again.Hash);
        Assert.NotEqual(first.Hash, none.Hash);
        Assert.Equal(0, again.Filled); // what the frozen blocks give does not depend on it
    }

    [Fact]
    public void Each_image_goes_through_the_frozen_blocks_once_and_a_second_run_computes_nothing()
    {
        var (first, second) = (Fit(Cached), Fit(Cached));

        Assert.Equal((28, 0), (first.Filled, second.Filled));
        Assert.Equal(first.Hash, second.Hash);
        Assert.Equal(28, first.Reports.Count(report => report.Phase == TrainingPhase.Preparation));
        Assert.All(first.Reports, report => Assert.InRange(report.Fraction, 0, 1));
        Assert.Equal((28, 28), first.Reports.Where(report => report.Phase == TrainingPhase.Preparation).Select(report => (report.Step, report.Steps)).Last());
        Assert.Equal(5, Fit(Cached, train: _train.Take(20).Concat(TinyRun.Images(_folder, "more", 5, 3))).Filled);
    }

    [Fact]
    public void An_image_costs_its_numbers_and_the_folder_names_no_path()
    {
        Fit(Cached);
        var file = Assert.Single(Directory.GetFiles(Cache, "*.tokens"));
        var numbers = 29 * 5 * 24 * sizeof(float); // with the landmark's, 4 patches and the class token
        Assert.InRange(new FileInfo(file).Length, numbers, numbers + 29 * 72 + 1024);
        Assert.DoesNotContain("train1", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file)));
    }

    [Fact]
    public void Bfloat16_takes_half_the_disk_and_moves_the_losses_by_less_than_a_hundredth()
    {
        var (exact, rounded) = (Fit(Cached), Fit(Plain with { FrozenPrefixCache = new(Path.Combine(_folder, "half")) { Precision = Precision.BFloat16 } }));

        Assert.InRange(Size("half") / (double)Size("cache"), .5, .6);
        foreach (var (one, other) in exact.Result.Epochs.Zip(rounded.Result.Epochs))
            Assert.InRange(Math.Abs(one.TrainingLoss - other.TrainingLoss) / one.TrainingLoss, 1e-9, .01);

        long Size(string folder) => new DirectoryInfo(Path.Combine(_folder, folder)).GetFiles("*.tokens").Sum(file => file.Length);
    }

    [Fact]
    public void A_backbone_in_bfloat16_fills_a_cache_of_its_own()
    {
        Fit(Cached);
        var half = Cached with { Precision = Precision.BFloat16 };
        var (first, second) = (Fit(half), Fit(half));

        Assert.Equal((28, 0), (first.Filled, second.Filled));
        Assert.Equal(first.Hash, second.Hash);
        var plain = Fit(Plain with { Precision = Precision.BFloat16 });
        Assert.Equal(plain.Result.Epochs[^1].TrainingLoss, first.Result.Epochs[^1].TrainingLoss, .01);
    }

    [Theory]
    [InlineData(0, "*")]
    [InlineData(.9, "*")]
    [InlineData(0, "")]
    public void A_run_stopped_at_every_report_ends_with_the_bits_of_one_that_was_not(double average, string lose)
    {
        var options = Cached with { Epochs = 2, EmaDecay = average, FrozenPrefixCache = new(Cache) { FileBytes = 3000 } };
        var expected = Fit(options).Hash;
        Directory.Delete(Cache, true);
        string? end = null;
        for (var parts = 0; end is null; parts++)
        {
            Assert.True(parts < 60);
            using var stop = new CancellationTokenSource();
            var run = Fit(options with { RunFolder = Path.Combine(_folder, "run") }, stop: stop);
            if (!run.Result.Cancelled) end = run.Hash;
            // Whatever files are lost between the parts, what is computed anew has the same bits.
            else if (lose.Length > 0 && Directory.GetFiles(Cache, "*.tokens") is { Length: > 8 } files) File.Delete(files[parts % files.Length]);
        }

        Assert.Equal(expected, end);
    }

    [Fact]
    public void What_was_computed_before_a_failure_is_kept_and_what_a_kill_leaves_is_cleared_away()
    {
        var options = Cached with { FrozenPrefixCache = new(Cache) { FileBytes = 3000 } };
        var expected = Fit(options).Hash;
        Directory.Delete(Cache, true);
        Assert.Equal("power", Assert.Throws<InvalidOperationException>(() => Fit(options, failAt: 11)).Message);
        var whole = Directory.GetFiles(Cache, "*.tokens").Length;
        Assert.True(whole > 1);
        // A kill leaves a file that has not got its name, and without it the last images are missing.
        var last = new DirectoryInfo(Cache).GetFiles("*.tokens").MaxBy(file => file.LastWriteTimeUtc)!;
        last.MoveTo(Path.ChangeExtension(last.FullName, ".unfinished"));

        var after = Fit(options);
        Assert.Equal(expected, after.Hash);
        Assert.InRange(after.Filled, 19, 25);
        Assert.Empty(Directory.GetFiles(Cache, "*.unfinished"));
    }

    [Fact]
    public void A_damaged_or_foreign_file_is_refused_by_name()
    {
        Fit(Cached);
        var file = Directory.GetFiles(Cache, "*.tokens").Single();
        var whole = File.ReadAllBytes(file);
        var flipped = (byte[])whole.Clone();
        flipped[whole.Length / 2] ^= 1;
        Refused(flipped, "the checksum of an image in it is wrong");
        Refused(whole[..^9], "it ends early");
        Refused("not a cache, but long enough to be one"u8.ToArray(), "it does not start as one");
        File.Delete(file);
        Assert.Equal(28, Fit(Cached).Filled);

        void Refused(byte[] bytes, string how)
        {
            File.WriteAllBytes(file, bytes);
            var error = Assert.Throws<DatasetException>(() => Fit(Cached));
            Assert.Equal($"'{file}' is a damaged file of the frozen-prefix cache: {how}. Delete it; its images are computed again by the next run.", error.Message);
        }
    }

    [Fact]
    public void Other_weights_pipelines_and_splits_compute_anew_and_what_lies_above_the_split_does_not_matter()
    {
        Fit(Cached);

        Assert.Equal(28, Fit(Cached, Four, seed: 2).Filled);
        Assert.Equal(28, Fit(Cached with { TrainPipeline = ImagePipeline.Evaluate(16, Normalization.None) }).Filled);
        Assert.Equal(28, Fit(Cached, within: "blocks.3").Filled);
        Assert.Equal(0, Fit(Cached with { Seed = 3, BatchSize = 5, LearningRate = .02 }, change: model => Set(model, "blocks.2.mlp.fc1.weight")).Filled);
        Assert.Equal(28, Fit(Cached, change: model => Set(model, "blocks.1.mlp.fc1.weight")).Filled);
        Assert.Equal(0, Fit(Cached).Filled);
    }

    [Fact]
    public void A_changed_image_is_computed_anew_and_a_moved_one_is_not()
    {
        Fit(Cached);
        File.Move(_train[3].Path, _train[3].Path + ".moved.png");
        Write(_train[5].Path, 77);
        var moved = new ImageDataset("moved", _train.Labels, _train.Select((record, i) => i == 3 ? record with { Path = record.Path + ".moved.png" } : record));

        Assert.Equal((1, 0), (Fit(Cached, train: moved).Filled, Fit(Cached, train: moved).Filled));
    }

    [Fact]
    public void An_adapter_that_is_active_and_frozen_below_is_part_of_the_function()
    {
        void Below(VisionTransformer model, double value, Action<LoraAdapter>? then = null)
        {
            var below = model.InjectLora(new LoraConfig { Rank = 2, Alpha = 4, Dropout = .5, Targets = ["qkv"], Within = ["blocks.0..1"] });
            using var none = no_grad();
            foreach (var (name, parameter) in model.named_parameters())
            {
                if (!name.StartsWith("blocks.0.", StringComparison.Ordinal) && !name.StartsWith("blocks.1.", StringComparison.Ordinal)) continue;
                if (name.Contains("lora_B", StringComparison.Ordinal)) parameter.fill_(value);
                if (name.Contains("lora_", StringComparison.Ordinal)) parameter.requires_grad = false;
            }

            then?.Invoke(below);
        }

        var plain = Fit(Cached);
        var active = Fit(Cached, change: model => Below(model, .1));
        Assert.Equal((28, 28, 0), (active.Filled, Fit(Cached, change: model => Below(model, .2)).Filled, Fit(Cached, change: model => Below(model, .1)).Filled));
        Assert.NotEqual(plain.Result.Epochs[0].TrainingLoss, active.Result.Epochs[0].TrainingLoss);
        var uncached = Fit(Plain with { Epochs = 1 }, change: model => Below(model, 0));
        Assert.Equal(uncached.Result.Epochs[0].TrainingLoss, Fit(Cached with { Epochs = 1 }, change: model => Below(model, 0)).Result.Epochs[0].TrainingLoss, 1e-5);

        // Merged, it is in the weights, and that its own parameters require gradients trains nothing.
        var merged = Fit(Cached, change: model => Below(model, .1, adapter => { adapter.Merge(); Trainable(model); }));
        Assert.Equal((28, 0), (merged.Filled, Fit(Cached, change: model => Below(model, .1, adapter => { adapter.Merge(); Trainable(model); })).Filled));
        Assert.Equal(active.Result.Epochs[0].TrainingLoss, merged.Result.Epochs[0].TrainingLoss, 1e-4);

        static void Trainable(VisionTransformer model)
        {
            foreach (var (name, parameter) in model.named_parameters())
                if (name.Contains("lora_", StringComparison.Ordinal)) parameter.requires_grad = true;
        }
    }

    [Fact]
    public void A_linear_probe_keeps_all_blocks_and_prompts_above_the_split_are_no_obstacle()
    {
        using var probe = new VisionTransformer(Four, seed: 1);
        probe.InjectAdapter(new LinearProbeConfig { Trainable = ["head", "fc_norm"] });
        Assert.Equal(4, FrozenPrefix.Of(probe, Cached)!.Blocks);
        var result = new Trainer(Cached).Fit(probe, _train, _validation);
        Assert.True(result.Epochs[^1].TrainingLoss < result.Epochs[0].TrainingLoss);

        using var prompted = new VisionTransformer(Four, seed: 1);
        prompted.InjectAdapter(new PromptConfig { Within = ["blocks.3"], Trainable = ["head"] });
        Assert.Equal(3, FrozenPrefix.Of(prompted, Cached)!.Blocks);
        new Trainer(Cached).Fit(prompted, _train, _validation);
    }

    [Fact]
    public void Images_that_cannot_be_read_are_skipped_within_the_limit_or_named()
    {
        File.WriteAllText(_train[7].Path, "<html>");
        File.Copy(_train[7].Path, _train[12].Path, true);
        var skipping = Cached with { LeakCheck = null, OnBadImage = OnBadImage.SkipAndRecord(.1) };
        var (first, second) = (Fit(skipping), Fit(skipping));

        Assert.Equal([7, 12], first.Result.Skipped.Select(image => image.Index));
        Assert.Equal((26, 0), (first.Filled, second.Filled));
        Assert.Equal(first.Hash, second.Hash);
        Assert.Single(Directory.GetFiles(Cache, "*.tokens"));
        Assert.Equal(_train[7].Path, Assert.Throws<ImageException>(() => Fit(Cached with { LeakCheck = null })).File);
        Assert.Contains("1 of 28 images were skipped before it", Assert.Throws<ImageException>(() => Fit(skipping with { OnBadImage = OnBadImage.SkipAndRecord(.04) })).Message);
    }

    [Fact]
    public void A_function_that_reads_must_be_named_unless_it_is_a_pixel_caches()
    {
        using var pixels = PixelCache.Open(Path.Combine(_folder, "pixels"), new PixelCacheOptions { ShortSide = 16 });
        Assert.Equal((28, 0), (Fit(Cached with { Read = pixels.Read }).Filled, Fit(Cached with { Read = pixels.Read }).Filled));
        var named = Cached with { Read = record => record.Decode(), FrozenPrefixCache = new(Cache) { Version = "plain" } };
        Assert.Equal((28, 0), (Fit(named).Filled, Fit(named).Filled));
        Assert.Equal(
            "FrozenPrefixCache cannot see what the function in Read makes of an image. Name it in FrozenPrefixCache.Version, and change the name whenever it does something else.",
            Refusal(Cached with { Read = record => record.Decode() }));
    }

    [Fact]
    public void Hooks_that_would_be_passed_by_or_have_changed_are_found()
    {
        Fit(Cached);

        Assert.Equal(
            "The model gives something else than its blocks one after the other, as a hook on the model itself makes it; what is kept would be trained without it. Remove the hook, or set FrozenPrefixCache to null.",
            Refusal(Cached, change: model => model.register_forward_hook((_, _, output) => output.add(1))));
        Assert.Equal(
            "The frozen blocks have the weights that FrozenPrefixCache knows and give something else for the same image: something beside the weights has changed, such as a hook on a block. "
            + "Set FrozenPrefixCache.Version to another name, and what it keeps is computed anew.",
            Refusal(Cached, change: model => Block(model, 1).register_forward_hook((_, _, output) => output.add(1))));
    }

    [Fact]
    public void What_would_change_from_epoch_to_epoch_is_refused()
    {
        const string Keeps = "FrozenPrefixCache keeps what the frozen blocks below the first trained one give, and ";
        const string Within = "Within = [\"blocks.2..3\"] in the adapter's configuration makes the first 2 of 4 blocks frozen. Or set FrozenPrefixCache to null.";
        const string Draws = "FrozenPrefixCache needs training images that are the same in every epoch, and the training pipeline draws at random: ";
        const string Fixed = ". Set TrainPipeline to a fixed one, such as ImagePipeline.Evaluate of the same size and normalization, or FrozenPrefixCache to null.";
        Assert.Equal(
            $"{Draws}RandomResizedCrop(16, scale 0.08-1, ratio 0.75-1.333, bicubic) and HorizontalFlip(0.5){Fixed}", Refusal(Cached with { TrainPipeline = null }));
        Assert.Equal(
            $"{Draws}Sometimes{Fixed}", Refusal(Cached with { TrainPipeline = new ImagePipeline([new Resize(16), new CenterCrop(16), new Sometimes()], Normalization.None, 16) }));
        Assert.Equal(
            "FrozenPrefixCache needs training images that are the same in every epoch, and Mixup = 0.2 makes new ones of them. Set Mixup to 0, or FrozenPrefixCache to null.",
            Refusal(Cached with { Mixup = .2 }));
        Assert.Equal(
            "FrozenPrefixCache needs frozen weights that stay as they are, and the defect MergeWhenScoring lets them drift. Leave the defect out, or set FrozenPrefixCache to null.",
            Refusal(Cached with { Defects = ReferenceDefects.MergeWhenScoring }));
        Assert.Equal($"{Keeps}the first block itself trains ('blocks.0.attn.qkv.lora_A.weight'). Adapt the last blocks alone: {Within}", Refusal(Cached, within: "blocks.0..3"));

        using var full = new VisionTransformer(Four, seed: 1);
        Assert.Equal($"{Keeps}'cls_token' in front of them trains. Freeze it: adapters do, as do requires_grad = false and {Within}", Refusal(full));
        using var single = new VisionTransformer(Four with { Depth = 1 }, seed: 1);
        TinyRun.Inject(single);
        Assert.Equal(
            $"{Keeps}the first block itself trains ('blocks.0.attn.qkv.lora_A.weight'). A model of one block has nothing below it: set FrozenPrefixCache to null.", Refusal(single));
        using var prompted = new VisionTransformer(Four, seed: 1);
        prompted.InjectAdapter(new PromptConfig());
        Assert.Equal($"{Keeps}trained prompts enter the first block. Let them enter later: {Within}", Refusal(prompted));
        using var other = new Other();
        Assert.Equal("FrozenPrefixCache needs a VisionTransformer, whose blocks can run apart; found Other. Set FrozenPrefixCache to null.", Refusal(other));
        using var mae = new MaskedAutoencoder(new MaskedAutoencoderConfig { Encoder = Four, DecoderDim = 16, DecoderDepth = 1, DecoderHeads = 2 }, seed: 4);
        Assert.Equal(
            "FrozenPrefixCache needs blocks that stay as they are, and pre-training trains them all. Leave it at its default.",
            Assert.Throws<TrainingException>(() => new Trainer(Cached).Pretrain(mae, _train)).Message);
        Assert.Equal(
            "A frozen-prefix cache keeps Float32 or BFloat16; Float16 has no room for the largest activations. (Parameter 'Precision')\nActual value was Float16.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new FrozenPrefixCache("x") { Precision = Precision.Float16 }).Message.ReplaceLineEndings("\n"));
        Assert.Empty(Directory.Exists(Cache) ? Directory.GetFiles(Cache, "*.tokens").Where(file => new FileInfo(file).Length > 2000) : []); // the landmark's at most
    }

    [Fact]
    public void A_run_that_was_begun_without_it_does_not_go_on_with_it()
    {
        var folder = Path.Combine(_folder, "run");
        Fit(Plain with { Epochs = 1, RunFolder = folder });

        Assert.Equal(
            "The run in 'run' cannot go on: FrozenPrefixCache was not set and is Float32, 1 at once. Give what it was started with, or choose another RunFolder to start anew.",
            Refusal(Cached with { Epochs = 1, RunFolder = folder }));
    }

    private string Refusal(nn.Module<Tensor, Tensor> model) => Assert.Throws<TrainingException>(() => new Trainer(Cached).Fit(model, _train, _validation)).Message;

    private string Refusal(TrainingOptions options, string within = "blocks.2..3", Action<VisionTransformer>? change = null) =>
        Assert.Throws<TrainingException>(() => Fit(options, within: within, change: change)).Message;

    private Run Fit(
        TrainingOptions options, ViTConfig? shape = null, ulong seed = 1, string within = "blocks.2..3", IEnumerable<ImageRecord>? train = null, Action<VisionTransformer>? change = null,
        int? failAt = null, CancellationTokenSource? stop = null)
    {
        using var model = new VisionTransformer(shape ?? Four, seed);
        model.InjectLora(new LoraConfig { Rank = 4, Alpha = 8, Dropout = .1, Targets = ["qkv"], Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head", "fc_norm"], Within = [within] });
        change?.Invoke(model);
        var (filled, passes) = (0, 0);
        var told = new List<TrainingProgress>();
        Block(model, 0).register_forward_hook((_, input, output) =>
        {
            passes++;
            if (input.shape[0] == 1) filled++;
            if (filled - 3 == failAt) throw new InvalidOperationException("power");
            return output;
        });
        var data = new ImageDataset("train", _train.Labels, train ?? _train);
        var result = new Trainer(options).Fit(model, data, _validation, new Told(told, stop), stop?.Token ?? default);
        var images = told.Count(report => report.Phase == TrainingPhase.Preparation);
        return new Run(
            result, TinyRun.Fingerprint(model, result), images, passes, told, model.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.detach().clone()));
    }

    private static nn.Module<Tensor, Tensor> Block(VisionTransformer model, int number) =>
        (nn.Module<Tensor, Tensor>)model.named_modules().Single(entry => entry.name == $"blocks.{number}").module;

    private static void Set(VisionTransformer model, string name)
    {
        using var none = no_grad();
        model.get_parameter(name)!.add_(.01);
    }

    private static void Write(string path, byte gray)
    {
        new PixelImage(20, 20, 1, Enumerable.Repeat(gray, 400).ToArray()).SavePng(path);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(1));
    }

    private sealed record Run(
        TrainingResult Result, string Hash, int Filled, int Passes, List<TrainingProgress> Reports, Dictionary<string, Tensor> State);

    private sealed class Told(List<TrainingProgress> told, CancellationTokenSource? stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            told.Add(value);
            if (value.Phase != TrainingPhase.Preparation || value.Step % 9 == 0) stop?.Cancel();
        }
    }

    private sealed class Other : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear _linear = nn.Linear(3, 2);

        public Other() : base(nameof(Other)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using var mean = input.mean([2L, 3L]);
            return _linear.call(mean);
        }
    }

    private sealed record Sometimes : IImageTransform
    {
        public PixelImage Apply(PixelImage image, ref SampleRandom random)
        {
            if (image.Pixels[0] > 100) random.NextDouble();
            return image;
        }

        public override string ToString() => nameof(Sometimes);
    }
}
