using MedPeft.Lora;
using MedPeft.Lora.Native;
using MedPeft.Lora.Vision;
using TorchSharp;

// What eng/test-package.sh builds, publishes and runs from the packed library: a program as a user would write it.
Console.WriteLine((torch.ones(3) * 2).sum().item<float>() == 6 ? "tensor: ok" : "tensor: wrong");
Console.WriteLine(TorchRuntime.EnsureLoaded());

using var vit = new VisionTransformer(new ViTConfig { ImageSize = 32, PatchSize = 8, EmbedDim = 32, Depth = 2, Heads = 2, Outputs = 1 });
var lora = vit.InjectLora(new LoraConfig { Rank = 2, Blocks = [LoraBlock.Query, LoraBlock.Value], Trainable = ["head"] });
var optimizer = torch.optim.SGD(lora.TrainableParameters().Select(entry => entry.Parameter).ToList(), .01);
using var images = torch.rand(4, 3, 32, 32);
float Step()
{
    using var scope = torch.NewDisposeScope();
    optimizer.zero_grad();
    var loss = vit.call(images).square().mean().add(vit.call(images).mean());
    loss.backward();
    optimizer.step();
    return loss.item<float>();
}

Console.WriteLine(Step() > Step() ? "LoRA step: ok" : "LoRA step: the loss did not fall");
