using MedPeft.Lora.Common;
using static TorchSharp.torch;

namespace MedPeft.Lora.Vision;

/// <summary>Runs a block without keeping what its backward pass needs, and runs it again there with the same random numbers (Chen et al. 2016, arXiv:1604.06174).</summary>
internal sealed class CheckpointedBlock : autograd.SingleTensorFunction<CheckpointedBlock>
{
    private const string Block = "block", Randomness = "randomness";

    /// <inheritdoc/>
    public override string Name => nameof(CheckpointedBlock);

    /// <param name="block">The block.</param>
    /// <param name="tokens">[B, N, C].</param>
    /// <returns>[B, N, C], caller owns.</returns>
    public static Tensor Run(nn.Module<Tensor, Tensor> block, Tensor tokens)
    {
        BackwardFailure.Rethrow();
        if (tokens.requires_grad) return apply(block, tokens);
        // Otherwise autograd would not come back to a first block, whose own parameters may well be trained.
        using var entry = tokens.detach();
        entry.requires_grad = true;
        return apply(block, entry);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (block, tokens) = ((nn.Module<Tensor, Tensor>)vars[0], (Tensor)vars[1]);
        ctx.save_data(Block, block);
        ctx.save_data(Randomness, new RandomPlace(tokens.device_type));
        ctx.save_for_backward([tokens]);
        using var none = no_grad();
        return block.call(tokens);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var saved = ctx.get_saved_variables();
        try
        {
            using var place = (RandomPlace)ctx.get_data(Randomness);
            using var again = enable_grad();
            using var input = saved[0].detach();
            input.requires_grad = true;
            using (place.Return())
            {
                using var output = ((nn.Module<Tensor, Tensor>)ctx.get_data(Block)).call(input);
                output.backward([grad_output]);
            }

            return [null!, input.grad!];
        }
        catch (Exception error)
        {
            BackwardFailure.Keep(error);
            return [null!, grad_output.alias()];
        }
        finally
        {
            foreach (var tensor in saved) tensor.Dispose();
        }
    }

    /// <summary>A place in the stream of random numbers that one can come back to.</summary>
    private sealed class RandomPlace : IDisposable
    {
        private readonly Tensor? _state;
        private readonly long _seed;

        public RandomPlace(TorchSharp.DeviceType device)
        {
            if (device == TorchSharp.DeviceType.CPU)
            {
                _state = random.get_rng_state().DetachFromDisposeScope();
                return;
            }

            // TorchSharp tells nothing of a GPU's generator, so the block gets a seed of its own.
            using var drawn = randint(long.MaxValue, [1], ScalarType.Int64, CPU);
            _seed = drawn.item<long>();
            Seed();
        }

        /// <summary>Goes back to the place until the result is disposed.</summary>
        public IDisposable Return()
        {
            var callers = new CallersGenerator();
            if (_state is not null) random.set_rng_state(_state);
            else Seed();
            return callers;
        }

        public void Dispose() => _state?.Dispose();

        private void Seed()
        {
#pragma warning disable RS0030 // Dropout draws from torch's global generators; the CPU's state is put back after the pass.
            manual_seed(_seed).Dispose();
#pragma warning restore RS0030
        }
    }
}
