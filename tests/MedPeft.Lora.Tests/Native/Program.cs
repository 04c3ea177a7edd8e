using MedPeft.Lora.Native;

namespace MedPeft.Lora.Tests.Native;

/// <summary>What a child process of <see cref="TorchRuntimeTests"/> does: how TorchSharp loads can be seen only once in a process. Others run here too.</summary>
internal static class Program
{
    public static int Main(string[] arguments)
    {
        if (arguments is ["train", ..]) return Training.KilledRun.Child(arguments[1..]);
        try
        {
            foreach (var argument in arguments)
                switch (argument.Split('=', 2))
                {
                    case ["load"]: Console.WriteLine(TorchRuntime.EnsureLoaded()); break;
                    case ["load", var folder]: Console.WriteLine(TorchRuntime.EnsureLoaded(folder)); break;
                    case ["load-any", var folder]: Console.WriteLine(TorchRuntime.EnsureLoaded(folder, allowVersionMismatch: true)); break;
                    case ["library"]: Console.WriteLine(TorchRuntime.EnsureLoaded().TorchSharpLibrary); break;
                    case ["sum"]: Console.WriteLine((torch.ones(3) * 2).sum().item<float>()); break;
                    case ["fail"]: Fail(); break;
                    default: throw new ArgumentException($"What is '{argument}'?");
                }

            return 0;
        }
        catch (TorchRuntimeException e)
        {
            Console.WriteLine(e.Message);
            return 3;
        }
    }

    private static void Fail()
    {
        try
        {
            _ = torch.ones(1);
            throw new InvalidOperationException("torch was expected to fail.");
        }
        catch (TypeInitializationException)
        {
        }
    }
}
