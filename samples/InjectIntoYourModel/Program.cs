using MedPeft.Lora;
using static TorchSharp.torch;

MedPeft.Lora.Native.TorchRuntime.EnsureLoaded();
using var model = new YourModel();                       // any module: no type of ours in it
using var labels = arange(16).remainder(2).to(ScalarType.Float32).unsqueeze(1);
using var images = rand(16, 1, 64, 64, generator: new Generator(1)) + labels.view(16, 1, 1, 1) * .05; // the sick are a little brighter

var lora = model.InjectLora(new LoraConfig { Rank = 4, Alpha = 8, Targets = ["conv2", "fc1"], Trainable = ["fc2"] });
Console.WriteLine(lora.Parameters);

model.train();
using var optimizer = optim.AdamW(lora.TrainableParameters(), lr: 1e-3);
for (var step = 0; step <= 90; step++)
{
    using var scope = NewDisposeScope();
    optimizer.zero_grad();
    var loss = nn.functional.binary_cross_entropy_with_logits(model.call(images), labels);
    if (step % 30 == 0) Console.WriteLine($"step {step,2}  loss {loss.item<float>():F3}");
    loss.backward();
    optimizer.step();
}

Console.WriteLine(lora.Describe());
var folder = Directory.CreateTempSubdirectory("adapter").FullName;
lora.Save(folder);
Console.WriteLine($"saved to {folder}: {string.Join(", ", Directory.GetFiles(folder).Select(Path.GetFileName).Order())}");
lora.MergeAndRemove();
Console.WriteLine($"merged: a plain {model.GetType().Name} again, with {model.parameters().Sum(parameter => parameter.numel()):N0} parameters");

/// <summary>A convolutional network as anyone would write it.</summary>
internal sealed class YourModel : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv1 = nn.Conv2d(1, 16, 5, stride: 4), conv2 = nn.Conv2d(16, 32, 3, stride: 2);
    private readonly nn.Module<Tensor, Tensor> fc1 = nn.Linear(32 * 7 * 7, 64), fc2 = nn.Linear(64, 1);

    public YourModel() : base(nameof(YourModel)) => RegisterComponents();

    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var features = conv2.call(conv1.call(input).relu()).relu().flatten(1);
        return fc2.call(fc1.call(features).relu()).MoveToOuterDisposeScope();
    }
}
