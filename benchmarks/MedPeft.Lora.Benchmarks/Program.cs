using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MedPeft.Lora.Benchmarks;
using MedPeft.Lora.Native;

TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch

// "step" measures one full-size training step with the peak memory of its process, which BenchmarkDotNet does not see.
if (args is ["step", ..]) return FullSizeStep.Run(args[1..]);

// "images" measures decoding, resizing and the cache against Pillow.
if (args is ["images", ..]) return ImageRates.Run(args[1..]);

// In process: a generated project would not carry the native library that this one was built with.
var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(TrainingStep).Assembly).Run(args, config);
return 0;
