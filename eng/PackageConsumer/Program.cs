using MedPeft.Lora.Native;
using TorchSharp;

// What eng/test-package.sh builds, publishes and runs from the packed library: a program as a user would write it.
Console.WriteLine((torch.ones(3) * 2).sum().item<float>() == 6 ? "tensor: ok" : "tensor: wrong");
Console.WriteLine(TorchRuntime.EnsureLoaded());
