using static TorchSharp.torch;

namespace MedPeft.Lora.Tests.Guides;

/// <summary>The code of docs/your-own-model.md.</summary>
public sealed class YourOwnModelGuide : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    #region cnn
    /// <summary>Two residual stages and a classifier, as anyone would write them.</summary>
    private sealed class SmallResNet : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> stem, stage1, stage2, fc;

        public SmallResNet(int findings) : base(nameof(SmallResNet))
        {
            stem = nn.Sequential(("conv", nn.Conv2d(3, 16, 3, padding: 1)), ("bn", nn.BatchNorm2d(16)), ("relu", nn.ReLU()));
            stage1 = new Residual(16, 32);
            stage2 = new Residual(32, 64);
            fc = nn.Linear(64, findings);
            RegisterComponents();
        }

        public override Tensor forward(Tensor images)
        {
            using var scope = NewDisposeScope();
            var features = stage2.call(stage1.call(stem.call(images))); // [B, 64, H/4, W/4]
            return fc.call(features.mean([2L, 3L])).MoveToOuterDisposeScope();
        }
    }

    private sealed class Residual : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> conv1, conv2, shortcut, bn1, bn2;

        public Residual(int inputs, int outputs) : base(nameof(Residual))
        {
            conv1 = nn.Conv2d(inputs, outputs, 3, stride: 2, padding: 1, bias: false);
            bn1 = nn.BatchNorm2d(outputs);
            conv2 = nn.Conv2d(outputs, outputs, 3, padding: 1, bias: false);
            bn2 = nn.BatchNorm2d(outputs);
            shortcut = nn.Conv2d(inputs, outputs, 1, stride: 2, bias: false);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var main = bn2.call(conv2.call(bn1.call(conv1.call(input)).relu()));
            return main.add(shortcut.call(input)).relu().MoveToOuterDisposeScope();
        }
    }
    #endregion

    [Fact]
    public void A_convolutional_network_is_adapted()
    {
        using var model = new SmallResNet(findings: 14);

        #region cnn-plan
        var config = new LoraConfig { Rank = 4, Alpha = 8, Targets = ["conv1", "conv2"], Trainable = ["fc", "bn1", "bn2"] };
        Console.WriteLine(model.PlanLora(config)); // a table: layers, ranks, parameters, memory; nothing has changed yet
        var lora = model.InjectLora(config);
        #endregion

        Assert.Equal(["stage1.conv1", "stage1.conv2", "stage2.conv1", "stage2.conv2"], lora.Layers.Select(layer => layer.Path));

        var (images, labels) = (rand(2, 3, 32, 32), zeros(2, 14));
        #region cnn-train
        model.train();
        var optimizer = optim.AdamW(lora.TrainableParameters(), lr: 1e-3);
        using (NewDisposeScope())
        {
            optimizer.zero_grad();
            var loss = nn.functional.binary_cross_entropy_with_logits(model.call(images), labels);
            loss.backward();
            optimizer.step();
        }
        #endregion

        var path = Path.Combine(_folder, "adapter");
        model.eval();
        var before = model.call(images);
        #region cnn-save
        lora.Save(path);                         // the adapters, fc and the batch norms with their running statistics
        lora.Remove();                           // the model as it was: the same objects, the same bits, but for what was trained in full
        var again = model.LoadLora(path);        // and adapted again
        #endregion
        Assert.Equal(before.data<float>().ToArray(), model.call(images).data<float>().ToArray());
    }

    [Fact]
    public void Merging_leaves_the_plain_model()
    {
        using var model = new SmallResNet(findings: 1);
        model.eval();
        var images = rand(1, 3, 32, 32);
        var names = model.state_dict().Keys.ToList();
        var lora = model.InjectLora(new LoraConfig { Rank = 2, Targets = ["conv2"] });

        #region merge
        lora.Merge();             // W + ΔW, computed in float64 and rounded once; passes now cost what the plain model's do
        lora.Unmerge();           // W again, bit for bit
        lora.MergeAndRemove();    // for good: what is left is your own model, adapted
        #endregion

        Assert.Equal(names, model.state_dict().Keys);
        Assert.Equal([1, 1], model.call(images).shape);
    }

    [Fact]
    public void A_name_that_matches_nothing_is_an_error()
    {
        using var model = new SmallResNet(findings: 1);

        #region typo
        var error = Assert.Throws<LoraException>(() => model.InjectLora(new LoraConfig { Targets = ["conv3"] }));
        Assert.StartsWith("No module matches Targets [\"conv3\"]. ", error.Message);
        Assert.Contains("Conv2d layers: ", error.Message); // and then their names, the nearest first
        #endregion
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
