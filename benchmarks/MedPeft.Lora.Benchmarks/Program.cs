using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MedPeft.Lora.Benchmarks;
using MedPeft.Lora.Native;

// "auroc" answers benchmarks/peer/auroc.py, which times scikit-learn in turn with it; no tensor is needed.
if (args is ["auroc", ..]) return AurocTiming.Run(args[1..]);

TorchRuntime.EnsureLoaded(); // so that MEDPEFT_LIBTORCH may name an existing libtorch

// "load" measures reading and writing of checkpoints and adapters at full size, each in a process of its own; "damage" how damaged files end.
if (args is ["load", ..]) return CheckpointLoading.Run(args[1..]);
if (args is ["damage", ..]) return DamagedFiles.Run(args[1..]);

// "step" measures one full-size training step with the peak memory of its process, which BenchmarkDotNet does not see.
if (args is ["step", ..]) return FullSizeStep.Run(args[1..]);

// "ratios" answers who is faster on the same work, contestants in turns; "floor" what share of a step its matrix products alone take.
if (args is ["ratios", ..]) return Ratios.Run(args[1..]);
if (args is ["floor", ..]) return Floor.Run(args[1..]);

// "memory" measures what an image more in the batch costs, in processes of its own; "growth" how time grows with each size, with a plot.
if (args is ["memory", ..]) return MemoryPerImage.Run(args[1..]);
if (args is ["growth", ..]) return Growth.Run(args[1..]);

// "images" measures decoding, resizing and the cache against Pillow.
if (args is ["images", ..]) return ImageRates.Run(args[1..]);

// In process: a generated project would not carry the native library that this one was built with.
var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(TrainingStep).Assembly).Run(args, config);
return 0;
